// The conformance scenario with the Go client; tests/clients/conformance runs it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

type step struct {
	name string
	run  func(context.Context) (string, error)
}

// said is a line for the runner.
type said struct {
	Step    string  `json:"step"`
	Passed  bool    `json:"passed"`
	Detail  string  `json:"detail"`
	Seconds float64 `json:"seconds"`
}

var answers = bufio.NewReader(os.Stdin)

// ask has the runner do something to the server or the network.
func ask(what string) (map[string]string, error) {
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{"ask": what}); err != nil {
		return nil, err
	}
	line, err := answers.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	var answer map[string]string
	return answer, json.Unmarshal(line, &answer)
}

func main() {
	scenario, err := newScenario()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx := context.Background()
	for _, step := range scenario.steps() {
		started := time.Now()
		detail, err := step.run(ctx)
		if err != nil {
			detail = err.Error()
		}
		line := said{step.name, err == nil, detail, time.Since(started).Seconds()}
		if json.NewEncoder(os.Stdout).Encode(line) != nil || err != nil {
			os.Exit(1)
		}
	}
}
