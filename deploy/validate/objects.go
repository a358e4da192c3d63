package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// decoder knows the kinds that the manifests may hold.
func decoder() (runtime.Decoder, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, corev1.AddToScheme, rbacv1.AddToScheme, storagev1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer(), nil
}

// checkObjects checks all objects of a manifest and gives their number.
func checkObjects(manifest []byte) (int, error) {
	decode, err := decoder()
	if err != nil {
		return 0, err
	}
	reader := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(manifest)))
	defer reader.Close()
	for n := 0; ; n++ {
		document := make([]byte, len(manifest))
		size, err := reader.Read(document)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if err := checkObject(decode, document[:size]); err != nil {
			return n, err
		}
	}
}

func checkObject(decode runtime.Decoder, document []byte) error {
	object, kind, err := decode.Decode(document, nil, nil)
	if err != nil {
		return err
	}
	name := object.(metav1.Object).GetName()
	if faults := validation.IsDNS1123Subdomain(name); len(faults) > 0 {
		return fmt.Errorf("%s %q: %v", kind.Kind, name, faults)
	}
	switch workload := object.(type) {
	case *appsv1.Deployment:
		err = checkWorkload(workload.Spec.Selector, &workload.Spec.Template)
	case *appsv1.DaemonSet:
		err = checkWorkload(workload.Spec.Selector, &workload.Spec.Template)
	case *corev1.Pod:
		err = checkPod(&workload.Spec)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", kind.Kind, name, err)
	}
	return nil
}

// checkWorkload checks what an API server would refuse although each field by itself is well.
func checkWorkload(selector *metav1.LabelSelector, template *corev1.PodTemplateSpec) error {
	selects, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return err
	}
	if selects.Empty() || !selects.Matches(labels.Set(template.Labels)) {
		return fmt.Errorf("the selector %s does not select the pods %v", selects, template.Labels)
	}
	return checkPod(&template.Spec)
}

// checkPod checks how the containers of a pod refer to its volumes and ports.
func checkPod(pod *corev1.PodSpec) error {
	volumes := map[string]bool{}
	for _, volume := range pod.Volumes {
		volumes[volume.Name] = true
	}
	seen := map[string]bool{}
	for i := range pod.Containers {
		container := &pod.Containers[i]
		if seen[container.Name] || container.Image == "" {
			return fmt.Errorf("container %q comes twice, or has no image", container.Name)
		}
		seen[container.Name] = true
		for _, mount := range container.VolumeMounts {
			if !volumes[mount.Name] {
				return fmt.Errorf("container %s mounts %q, which is no volume", container.Name, mount.Name)
			}
		}
		if err := checkProbes(container); err != nil {
			return fmt.Errorf("container %s: %w", container.Name, err)
		}
	}
	return nil
}

// checkProbes holds the names of ports in probes against the ports of the container.
func checkProbes(container *corev1.Container) error {
	ports := map[string]bool{}
	for _, port := range container.Ports {
		ports[port.Name] = true
	}
	for _, probe := range []*corev1.Probe{container.StartupProbe, container.ReadinessProbe, container.LivenessProbe} {
		if probe == nil || probe.HTTPGet == nil {
			continue
		}
		if name := probe.HTTPGet.Port.StrVal; name != "" && !ports[name] {
			return fmt.Errorf("a probe asks port %q, which the container does not name", name)
		}
	}
	return nil
}
