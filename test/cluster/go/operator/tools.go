//go:build tools

// Package tools names the commands that the test cluster is built from, so that go.mod and go.sum pin them.
package tools

import (
	_ "github.com/prometheus-operator/prometheus-operator/cmd/operator"
)
