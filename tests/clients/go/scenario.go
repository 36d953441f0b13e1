package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	herdbook "github.com/herdbook/herdbook/clients/go"
	accessv1 "github.com/herdbook/herdbook/clients/go/proto/herdbook/access/v1"
	commonv1 "github.com/herdbook/herdbook/clients/go/proto/herdbook/common/v1"
	lineagev1 "github.com/herdbook/herdbook/clients/go/proto/herdbook/lineage/v1"
	registryv1 "github.com/herdbook/herdbook/clients/go/proto/herdbook/registry/v1"
	trackingv1 "github.com/herdbook/herdbook/clients/go/proto/herdbook/tracking/v1"
)

const (
	points        = 10_000
	batch         = 500
	artifactBytes = 20_000_000
	patience      = time.Minute
)

type scenario struct {
	*herdbook.Client
	name, run, model string
	experiment       int64
	version          *registryv1.Version
}

func newScenario() (*scenario, error) {
	client, err := herdbook.Connect(herdbook.FromEnv())
	return &scenario{Client: client, name: os.Getenv("CONFORMANCE_NAME")}, err
}

func (s *scenario) steps() []step {
	return []step{
		{"connect", s.connect}, {"tls", s.tls}, {"create", s.create}, {"stream", s.stream},
		{"params", s.params}, {"artifact", s.artifact}, {"curve", s.curve}, {"search", s.search}, {"register", s.register},
		{"refused", s.refused}, {"granted", s.granted}, {"watch", s.watch}, {"lineage", s.lineage},
		{"restart", s.restart}, {"deadline", s.deadline}, {"too-large", s.tooLarge}, {"newer", s.newer},
		{"older", s.older}, {"delete", s.delete}, {"token", s.token}, {"nobody", s.nobody},
	}
}

func (s *scenario) connect(ctx context.Context) (string, error) {
	caller, err := s.Access.GetCaller(ctx, &accessv1.GetCallerRequest{})
	if err != nil {
		return "", err
	}
	return "as " + caller.GetPrincipal(), s.unauthenticated(ctx, "")
}

func (s *scenario) tls(ctx context.Context) (string, error) {
	call := func(authority string) error {
		config := herdbook.FromEnv()
		config.URL, config.CAFile = os.Getenv("CONFORMANCE_TLS"), os.Getenv(authority)
		config.Patience = time.Second
		client, err := herdbook.Connect(config)
		if err != nil {
			return err
		}
		defer client.Close()
		_, err = client.Access.GetCaller(ctx, &accessv1.GetCallerRequest{})
		return err
	}
	if err := call("CONFORMANCE_AUTHORITY"); err != nil {
		return "", err
	}
	said := fmt.Sprint(call("CONFORMANCE_STRANGER"))
	return said, expect(nil, strings.Contains(said, "certificate"), "%s", said)
}

func (s *scenario) create(ctx context.Context) (string, error) {
	experiment, err := s.Experiments.CreateExperiment(ctx, &trackingv1.CreateExperimentRequest{Name: s.name + "-conformance"})
	if err != nil {
		return "", err
	}
	s.experiment = experiment.GetExperiment().GetId()
	created, err := s.Runs.CreateRun(ctx, &trackingv1.CreateRunRequest{ExperimentId: s.experiment, Name: "scenario"})
	s.run = created.GetRun().GetId()
	return "run " + s.run, err
}

func (s *scenario) stream(ctx context.Context) (string, error) { return s.log(ctx, "loss", "cut") }

func (s *scenario) params(ctx context.Context) (string, error) {
	params := map[string]string{"lr": "0.01", "optimizer": "sgd"}
	if _, err := s.Runs.LogBatch(ctx, &trackingv1.LogBatchRequest{RunId: s.run, Params: params}); err != nil {
		return "", err
	}
	answer, err := s.Runs.GetRun(ctx, &trackingv1.GetRunRequest{RunId: s.run})
	kept := answer.GetRun().GetParams()
	return fmt.Sprintf("%d params", len(kept)), expect(err, len(kept) == 2 && kept["lr"] == "0.01", "params are %v", kept)
}

func (s *scenario) artifact(ctx context.Context) (string, error) {
	content := make([]byte, artifactBytes)
	for i := range content {
		content[i] = byte(i*31 + i/251)
	}
	if _, err := s.UploadArtifact(ctx, s.run, "model/weights.bin", bytes.NewReader(content)); err != nil {
		return "", err
	}
	var back bytes.Buffer
	file, err := s.DownloadArtifact(ctx, s.run, "model/weights.bin", &back)
	detail := fmt.Sprintf("%d bytes, %.19s", back.Len(), file.GetDigest())
	return detail, expect(err, bytes.Equal(content, back.Bytes()), "other bytes came back")
}

func (s *scenario) curve(ctx context.Context) (string, error) {
	answer, err := s.Metrics.GetCurves(ctx, &trackingv1.GetCurvesRequest{RunIds: []string{s.run}, Keys: []string{"loss"}, Buckets: 100})
	if err != nil {
		return "", err
	}
	var sum uint64
	counts := answer.GetCurves()[0].GetCount()
	for _, count := range counts {
		sum += count
	}
	return fmt.Sprintf("%d buckets", len(counts)), expect(nil, len(counts) <= 100 && sum == points, "%d buckets, %d points", len(counts), sum)
}

func (s *scenario) search(ctx context.Context) (string, error) {
	answer, err := s.Runs.SearchRuns(ctx, &trackingv1.SearchRunsRequest{
		ExperimentIds: []int64{s.experiment}, Filter: "params.lr = '0.01' and metrics.loss > 1",
	})
	found := answer.GetRuns()
	return "1 run", expect(err, len(found) == 1 && found[0].GetId() == s.run, "%d runs found", len(found))
}

func (s *scenario) register(ctx context.Context) (string, error) {
	s.model = s.name + "-model"
	if err := s.accuracy(ctx, 0.8, 0); err != nil {
		return "", err
	}
	if _, err := s.Models.CreateModel(ctx, &registryv1.CreateModelRequest{Name: s.model}); err != nil {
		return "", err
	}
	answer, err := s.Models.GetPolicy(ctx, &registryv1.GetPolicyRequest{Model: s.model})
	if err != nil {
		return "", err
	}
	threshold := &registryv1.MetricThreshold{Metric: "accuracy", Comparison: registryv1.Comparison_COMPARISON_AT_LEAST, Threshold: 0.9}
	rule := &registryv1.Rule{Name: "accurate-enough", Rule: &registryv1.Rule_MetricThreshold{MetricThreshold: threshold}}
	for _, move := range answer.GetPolicy().GetMoves() {
		if move.GetTo() == "Production" {
			move.Rules = append(move.Rules, rule)
		}
	}
	if _, err := s.Models.SetPolicy(ctx, &registryv1.SetPolicyRequest{Model: s.model, Policy: answer.GetPolicy()}); err != nil {
		return "", err
	}
	created, err := s.Versions.CreateVersion(ctx, &registryv1.CreateVersionRequest{Model: s.model, Source: "runs:/" + s.run + "/model"})
	s.version = created.GetVersion()
	files := s.version.GetFiles()
	detail := fmt.Sprintf("%s/%d", s.model, s.version.GetNumber())
	return detail, expect(err, len(files) == 1 && files[0].GetSize() == artifactBytes, "files are %v", files)
}

func (s *scenario) refused(ctx context.Context) (string, error) {
	_, err := s.promote(ctx)
	failed := herdbook.AsError(err)
	if failed == nil || failed.Code != codes.FailedPrecondition || len(failed.Failures) != 1 {
		return "", fmt.Errorf("refused by %v", err)
	}
	rule := failed.Failures[0]
	return rule.Description, expect(nil, strings.Contains(rule.Description, "accurate-enough"), "rule %v", rule)
}

func (s *scenario) granted(ctx context.Context) (string, error) {
	if err := s.accuracy(ctx, 0.95, 1); err != nil {
		return "", err
	}
	answer, err := s.promote(ctx)
	outcome := answer.GetDecision().GetOutcome()
	if err := expect(err, outcome == registryv1.Outcome_OUTCOME_ALLOWED, "outcome %v", outcome); err != nil {
		return "", err
	}
	reference := s.model + "@Production"
	found, err := s.Resolve(ctx, reference)
	detail := fmt.Sprintf("%s is version %d", reference, found.GetNumber())
	return detail, expect(err, found.GetNumber() == s.version.GetNumber(), "%s", detail)
}

func (s *scenario) watch(ctx context.Context) (string, error) {
	ahead, relisted, events := int64(1e12), 0, 0
	request := &registryv1.WatchRequest{AfterRevision: &ahead, Model: s.model}
	relist := func(context.Context) (int64, error) { relisted++; return s.version.GetRevision(), nil }
	for record, err := range s.Watch(ctx, request, relist) {
		if err != nil {
			return "", err
		}
		events++
		outcome := record.GetDecision().GetOutcome()
		switch events {
		case 1:
			if err := expect(nil, outcome == registryv1.Outcome_OUTCOME_REFUSED, "first %v", record); err != nil {
				return "", err
			}
			if _, err := ask("drop"); err != nil {
				return "", err
			}
			alias := &registryv1.SetAliasRequest{Model: s.model, Alias: "champion", Version: s.version.GetNumber()}
			if _, err := s.Models.SetAlias(ctx, alias); err != nil {
				return "", err
			}
		case 2:
			if err := expect(nil, outcome == registryv1.Outcome_OUTCOME_ALLOWED, "second %v", record); err != nil {
				return "", err
			}
		case 3:
			detail := fmt.Sprintf("%d events, each once; listed again %d time", events, relisted)
			isAlias := record.GetAction() == registryv1.AuditAction_AUDIT_ACTION_SET_ALIAS
			return detail, expect(nil, relisted == 1 && isAlias, "third %v", record)
		}
	}
	return "", errors.New("the watch ended")
}

func (s *scenario) lineage(ctx context.Context) (string, error) {
	if _, err := ask("lineage"); err != nil {
		return "", err
	}
	node := fmt.Sprintf("model_version:%s@%d", s.model, s.version.GetNumber())
	answer, err := s.Lineage.GetAncestors(ctx, &lineagev1.GetAncestorsRequest{Node: node})
	nodes := answer.GetGraph().GetNodes()
	isRun := func(found *lineagev1.GraphNode) bool {
		key := found.GetNode().GetKey()
		return key.GetKind() == "run" && key.GetName() == s.run
	}
	return fmt.Sprintf("%d nodes", len(nodes)), expect(err, slices.ContainsFunc(nodes, isRun), "its run is not among %v", nodes)
}

func (s *scenario) restart(ctx context.Context) (string, error) {
	return s.log(ctx, "val_loss", "restart")
}

func (s *scenario) deadline(ctx context.Context) (string, error) {
	future, err := herdbook.Connect(herdbook.Config{URL: os.Getenv("CONFORMANCE_FUTURE")})
	if err != nil {
		return "", err
	}
	defer future.Close()
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	_, err = future.Runs.SearchRuns(ctx, &trackingv1.SearchRunsRequest{})
	return fmt.Sprintf("after %v", time.Since(started).Round(time.Millisecond)), expectCode(err, codes.DeadlineExceeded)
}

func (s *scenario) tooLarge(ctx context.Context) (string, error) {
	tags := map[string]string{}
	for i := range 2500 {
		tags[fmt.Sprintf("tag-%d", i)] = strings.Repeat("x", 8000)
	}
	_, err := s.Runs.LogBatch(ctx, &trackingv1.LogBatchRequest{RunId: s.run, Tags: tags})
	return fmt.Sprint(err), expectCode(err, codes.OutOfRange)
}

func (s *scenario) newer(ctx context.Context) (string, error) {
	future, err := herdbook.Connect(herdbook.Config{URL: os.Getenv("CONFORMANCE_FUTURE")})
	if err != nil {
		return "", err
	}
	defer future.Close()
	answer, err := future.Runs.GetRun(ctx, &trackingv1.GetRunRequest{RunId: s.run})
	run := answer.GetRun()
	if err := expect(err, run.GetId() == s.run && run.GetStatus() == 77, "run %v", run); err != nil {
		return "", err
	}
	back, err := future.Runs.UpdateRun(ctx, &trackingv1.UpdateRunRequest{Run: run})
	said := back.GetRun().GetDescription()
	return said, expect(err, said == "kept", "what was not known was %s", said)
}

func (s *scenario) older(ctx context.Context) (string, error) {
	future, err := herdbook.Connect(herdbook.Config{URL: os.Getenv("CONFORMANCE_FUTURE")})
	if err != nil {
		return "", err
	}
	defer future.Close()
	_, err = future.Experiments.ListExperiments(ctx, &trackingv1.ListExperimentsRequest{})
	return fmt.Sprint(err), expectCode(err, codes.Unimplemented)
}

func (s *scenario) delete(ctx context.Context) (string, error) {
	if _, err := s.Runs.DeleteRun(ctx, &trackingv1.DeleteRunRequest{RunId: s.run}); err != nil {
		return "", err
	}
	answer, err := s.Runs.GetRun(ctx, &trackingv1.GetRunRequest{RunId: s.run})
	lifecycle := answer.GetRun().GetLifecycle()
	return "deleted", expect(err, lifecycle == commonv1.Lifecycle_LIFECYCLE_DELETED, "lifecycle %v", lifecycle)
}

func (s *scenario) token(ctx context.Context) (string, error) {
	answer, err := ask("token")
	if err != nil {
		return "", err
	}
	if err := s.unauthenticated(ctx, os.Getenv("HERDBOOK_TOKEN")); err != nil {
		return "", err
	}
	return "both refused", s.unauthenticated(ctx, answer["expired"])
}

func (s *scenario) nobody(ctx context.Context) (string, error) {
	nowhere := os.Getenv("CONFORMANCE_NOWHERE")
	client, err := herdbook.Connect(herdbook.Config{URL: nowhere, Patience: time.Second})
	if err != nil {
		return "", err
	}
	defer client.Close()
	started := time.Now()
	_, err = client.Runs.GetRun(ctx, &trackingv1.GetRunRequest{RunId: s.run})
	if err := expectCode(err, codes.Unavailable); err != nil {
		return "", err
	}
	return err.Error(), expect(nil, time.Since(started) < 5*time.Second && strings.Contains(err.Error(), nowhere), "%v", err)
}

func (s *scenario) log(ctx context.Context, key, trouble string) (string, error) {
	writer := s.OpenWriter(s.run, herdbook.WriterOptions{Name: "conformance", BatchPoints: batch})
	for step := range int64(points) {
		if step == points/2 {
			// The first half is on its way; the second meets the trouble.
			if err := writer.Flush(ctx); err != nil {
				return "", err
			}
			if _, err := ask(trouble); err != nil {
				return "", err
			}
		}
		if err := writer.Log(step, map[string]float64{key: float64(step) * 0.5}); err != nil {
			return "", err
		}
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := writer.Close(bounded); err != nil {
		return "", err
	}
	call, err := s.Metrics.ReadMetrics(ctx, &trackingv1.ReadMetricsRequest{RunId: s.run, Keys: []string{key}})
	if err != nil {
		return "", err
	}
	var sum float64
	count, seen := 0, make([]bool, points)
	for {
		answer, err := call.Recv()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return "", err
		}
		for row, step := range answer.GetSteps() {
			count++
			seen[step] = true
			sum += answer.GetValues()[row]
		}
	}
	if slices.Contains(seen, false) || count != points || sum != points*(points-1)/4 {
		return "", fmt.Errorf("%d points, their sum is %v", count, sum)
	}
	return fmt.Sprintf("%d points over %d streams", count, writer.Streams()), expect(nil, writer.Streams() > 1, "the connection was never lost")
}

func (s *scenario) accuracy(ctx context.Context, value float64, step int64) error {
	points := []*trackingv1.Metric{{Key: "accuracy", Value: value, Step: step}}
	_, err := s.Runs.LogBatch(ctx, &trackingv1.LogBatchRequest{RunId: s.run, Metrics: points})
	return err
}

func (s *scenario) promote(ctx context.Context) (*registryv1.TransitionVersionResponse, error) {
	return s.Transitions.TransitionVersion(ctx, &registryv1.TransitionVersionRequest{
		Model: s.model, Version: s.version.GetNumber(), To: "Production",
	})
}

func (s *scenario) unauthenticated(ctx context.Context, token string) error {
	config := herdbook.FromEnv()
	config.Token = token
	stranger, err := herdbook.Connect(config)
	if err != nil {
		return err
	}
	defer stranger.Close()
	_, err = stranger.Access.GetCaller(ctx, &accessv1.GetCallerRequest{})
	return expectCode(err, codes.Unauthenticated)
}

func expect(err error, holds bool, format string, details ...any) error {
	if err == nil && !holds {
		return fmt.Errorf(format, details...)
	}
	return err
}

func expectCode(err error, code codes.Code) error {
	if failed := herdbook.AsError(err); failed == nil || failed.Code != code {
		return fmt.Errorf("%v expected, not %v", code, err)
	}
	return nil
}
