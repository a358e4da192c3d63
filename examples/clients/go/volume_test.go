// A test in Go, with gRPC and CSI's own package: luacsi stands in for the driver.
//
// Run: cd examples/clients/go && LUACSI=$PWD/../../../build/luacsi go test
package volume

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// What is tested: it tries again while the driver says ABORTED.
func createVolume(ctx context.Context, driver csi.ControllerClient, name string) (string, error) {
	for {
		reply, err := driver.CreateVolume(ctx, &csi.CreateVolumeRequest{Name: name})
		if status.Code(err) != codes.Aborted {
			return reply.GetVolume().GetVolumeId(), err
		}
	}
}

const busyTwice = `
local fault = require "csi.fault"
return { CreateVolume = fault.sequence {
  fault.times(2, fault.fail("ABORTED", "an operation is under way")),
  { volume = { volume_id = "vol-1" } },
} }`

func TestTriesAgainWhileTheDriverIsBusy(t *testing.T) {
	t.Parallel()
	ctx, driver := session(t, busyTwice)
	if id, err := createVolume(ctx, driver, "pvc-1"); id != "vol-1" || err != nil {
		t.Fatal(id, err)
	}
	verify(t, object{"method": "CreateVolume", "status": "ABORTED"}, 2)
	verify(t, object{"method": "CreateVolume", "request": object{"name": "pvc-1"}}, 3)
}

func TestGivesUpWhenThereIsNoRoom(t *testing.T) {
	t.Parallel()
	ctx, driver := session(t, `return { CreateVolume = function()
  return nil, "RESOURCE_EXHAUSTED", "no room" end }`)
	if _, err := createVolume(ctx, driver, "pvc-1"); status.Code(err) != codes.ResourceExhausted {
		t.Fatal(err)
	}
	verify(t, object{"method": "CreateVolume"}, 1)
}

// ---- one luacsi for all tests; each of them has a session ----

type object = map[string]any

var driver csi.ControllerClient
var url string

// session makes one that answers as script says, and gives what calls must be made with.
func session(t *testing.T, script string) (context.Context, csi.ControllerClient) {
	must(t, "create-session", object{"session": t.Name(), "script": script})
	t.Cleanup(func() { must(t, "end-session", object{"session": t.Name()}) })
	return metadata.AppendToOutgoingContext(context.Background(), "luacsi-session", t.Name()), driver
}

// verify fails the test unless so many calls of its session match the filter.
func verify(t *testing.T, filter object, exactly int) {
	t.Helper()
	verdict := must(t, "verify", object{"session": t.Name(), "filter": filter, "exactly": exactly})
	if verdict["verified"] != true {
		t.Error(verdict["reason"])
	}
}

func must(t *testing.T, method string, request object) object {
	t.Helper()
	answer, err := control(method, request)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func control(method string, request object) (object, error) {
	body, _ := json.Marshal(request)
	response, err := http.Post(url+method, "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer object
	err = json.NewDecoder(response.Body).Decode(&answer)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %v", method, answer["message"])
	}
	return answer, err
}

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "double")
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free
	if err != nil {
		log.Fatal(err)
	}
	address, socket := listener.Addr().String(), "unix://"+folder+"/csi.sock"
	listener.Close()
	url = "http://" + address + "/control/v1/"
	luacsi := exec.Command(os.Getenv("LUACSI"), "serve", "--endpoint", socket,
		"--http-endpoint", address, "--http-control", "loopback")
	if err := luacsi.Start(); err != nil {
		log.Fatal(err)
	}
	for up := false; !up; time.Sleep(10 * time.Millisecond) {
		_, err := control("status", object{})
		up = err == nil
	}
	connection, err := grpc.Dial(socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	driver = csi.NewControllerClient(connection)
	code := m.Run()
	control("stop", object{})
	luacsi.Wait()
	os.RemoveAll(folder)
	os.Exit(code)
}
