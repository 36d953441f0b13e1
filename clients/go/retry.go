package herdbook

import (
	"context"
	"crypto/rand"
	mathrand "math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	firstWait   = 50 * time.Millisecond
	longestWait = 10 * time.Second
	// Failures in a row, each of which may be a defect of the server, after which it is taken for one.
	doubtful = 12
)

// wait is how long to wait after the failure of an attempt (0, 1, …): as the server advises, or else up to twice as long
// each time, anywhere in the upper half, so that clients that lost a server together do not come back together.
func wait(err error, attempt int) time.Duration {
	if failed := AsError(err); failed != nil && failed.RetryAfter > 0 {
		return failed.RetryAfter
	}
	longest := min(firstWait<<min(attempt, 16), longestWait)
	return longest/2 + mathrand.N(longest/2)
}

// repeat tries a unary call again while the server is away or advises it.
func (c *Client) repeat(ctx context.Context, method string, request, reply any, connection *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	fillRequestID(request)
	until := time.Now().Add(c.patience)
	for attempt := 0; ; attempt++ {
		err := invoke(ctx, method, request, reply, connection, options...)
		failed := AsError(err)
		if failed == nil || failed.Code != codes.Unavailable && failed.RetryAfter == 0 {
			return err
		}
		pause := wait(err, attempt)
		if time.Now().Add(pause).After(until) || !sleep(ctx, pause) {
			return c.describe(err)
		}
	}
}

// describe says where no server was reached.
func (c *Client) describe(err error) error {
	failed := AsError(err)
	if failed.Code != codes.Unavailable || failed.Reason != "" {
		return err
	}
	return status.Errorf(codes.Unavailable, "no Herdbook answers at %s; start one there or set HERDBOOK_URL (%s)", c.url, failed.Message)
}

// fillRequestID gives a request a key for safe repeats, where the contract has one and the caller gave none.
func fillRequestID(request any) {
	message, ok := request.(proto.Message)
	if !ok {
		return
	}
	reflected := message.ProtoReflect()
	field := reflected.Descriptor().Fields().ByName("request_id")
	position := reflected.Descriptor().Fields().ByName("position")
	if field == nil || reflected.Has(field) || position != nil && reflected.Has(position) {
		return
	}
	reflected.Set(field, protoreflect.ValueOfString(rand.Text()))
}

// sleep is false if the context ended meanwhile.
func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
