// Validate holds deploy/ against what reads it. It builds the kustomizations, decodes each object strictly
// into the types of the Kubernetes API (an unknown field, a field that comes twice or a value of a wrong type
// is an error), checks how the parts of a workload refer to one another, and parses the Nomad job. With
// --write it also writes the plain manifest, kubernetes/luacsi.yaml, which otherwise has to be up to date.
//
// No cluster is asked, and after the modules are there no network is used.
package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"

	"github.com/hashicorp/hcl/v2/hclparse"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const (
	base        = "../kubernetes/base"
	snapshots   = "../kubernetes/with-snapshots"
	noRegistrar = "../kubernetes/without-registrar"
	plain       = "../kubernetes/luacsi.yaml"
	nomad       = "../luacsi.nomad.hcl"
	readme      = "../../README.md"

	header = "# Made from base/ by `go run . --write` in deploy/validate. kubectl apply -f deploy/kubernetes/luacsi.yaml\n"
)

// build gives what `kubectl kustomize folder` prints.
func build(folder string) ([]byte, error) {
	options := krusty.MakeDefaultOptions()
	resources, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, err
	}
	return resources.AsYaml()
}

// checkPlain holds the plain manifest against the kustomization it is made of.
func checkPlain(manifest []byte) error {
	manifest = append([]byte(header), manifest...)
	if len(os.Args) > 1 && os.Args[1] == "--write" {
		return os.WriteFile(plain, manifest, 0o644)
	}
	written, err := os.ReadFile(plain)
	if err != nil {
		return err
	}
	if !bytes.Equal(written, manifest) {
		return fmt.Errorf("%s is not what %s makes: go run . --write", plain, base)
	}
	return nil
}

func checkNomad() error {
	_, diagnostics := hclparse.NewParser().ParseHCLFile(nomad)
	if diagnostics.HasErrors() {
		return diagnostics
	}
	return nil
}

// checkReadme checks the objects of the YAML in the README.
func checkReadme() error {
	text, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	blocks := regexp.MustCompile("(?s)\n```yaml\n(.*?)```\n").FindAllSubmatch(text, -1)
	if len(blocks) == 0 {
		return fmt.Errorf("%s: no YAML", readme)
	}
	for _, block := range blocks {
		n, err := checkObjects(block[1])
		if err != nil {
			return fmt.Errorf("%s: %w", readme, err)
		}
		fmt.Printf("%s: %d objects are valid\n", readme, n)
	}
	return nil
}

func run() error {
	for _, folder := range []string{base, snapshots, noRegistrar} {
		manifest, err := build(folder)
		if err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
		n, err := checkObjects(manifest)
		if err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
		fmt.Printf("%s: %d objects are valid\n", folder, n)
		if folder != base {
			continue
		}
		if err := checkPlain(manifest); err != nil {
			return err
		}
		fmt.Printf("%s: up to date\n", plain)
	}
	if err := checkReadme(); err != nil {
		return err
	}
	if err := checkNomad(); err != nil {
		return err
	}
	fmt.Printf("%s: parses\n", nomad)
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "FAILED:", err)
		os.Exit(1)
	}
}
