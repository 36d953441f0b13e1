package herdbook

import (
	"context"
	"io"
	"iter"

	"google.golang.org/grpc/codes"

	registryv1 "github.com/herdbook/herdbook/clients/go/proto/herdbook/registry/v1"
)

// Resolve finds the version of a reference: fraud-detector/3, fraud-detector@Production (a stage, an alias or a label) or
// fraud-detector@latest.
func (c *Client) Resolve(ctx context.Context, reference string) (*registryv1.Version, error) {
	answer, err := c.Versions.GetVersion(ctx, &registryv1.GetVersionRequest{Reference: reference})
	return answer.GetVersion(), err
}

// Relist is called when the revision to watch from lies ahead of the workspace, as after a restored backup: it lists anew
// what it watches over, and returns the revision of that list.
type Relist func(context.Context) (revision int64, err error)

// Watch yields every change that is asked for, each once and in order, over as many connections as that takes, until the
// context ends. An error is the last that it yields. Without relist a revision that lies ahead is such an error.
func (c *Client) Watch(ctx context.Context, request *registryv1.WatchRequest, relist Relist) iter.Seq2[*registryv1.AuditRecord, error] {
	return func(yield func(*registryv1.AuditRecord, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		after := request.AfterRevision
		stopped := false
		listen := func() (bool, error) {
			call, err := c.Transitions.Watch(ctx, &registryv1.WatchRequest{AfterRevision: after, Model: request.GetModel(), Selector: request.GetSelector()})
			for gotOn := false; ; gotOn = true {
				var event *registryv1.WatchResponse
				if err == nil {
					event, err = call.Recv()
				}
				if err != nil {
					return gotOn, err
				}
				revision := event.GetBookmark()
				if record := event.GetRecord(); record != nil {
					revision = record.GetRevision()
					if stopped = !yield(record, nil); stopped {
						return false, nil
					}
				}
				after = &revision
			}
		}
		for !stopped {
			err := c.persist(ctx, listen)
			if failed := AsError(err); relist != nil && failed != nil && failed.Code == codes.OutOfRange {
				var revision int64
				if revision, err = relist(ctx); err == nil {
					after = &revision
					continue
				}
			}
			if err == io.EOF { // The server ended in order: another one will be there.
				continue
			}
			if err != nil && ctx.Err() == nil {
				yield(nil, err)
			}
			return
		}
	}
}
