package herdbook

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	trackingv1 "github.com/herdbook/herdbook/clients/go/proto/herdbook/tracking/v1"
)

// WriterOptions of a [Writer]; the zero value will do.
type WriterOptions struct {
	// Name by which the server knows who writes, such as worker-3; the host's if empty. Each writer adds letters of its
	// own, so that two of one name do not disturb each other.
	Name string
	// BatchPoints that are committed together at most; 8,192 if 0.
	BatchPoints int
	// Interval after which a batch is sent that is not full; 100 ms if 0.
	Interval time.Duration
	// BufferPoints that may wait for the server; Log waits while there are more. A million if 0.
	BufferPoints int
}

// Writer streams metrics of a run, each point exactly once: what the server has not committed when a connection is lost
// is sent again over the next, from the number that the server names. Safe for use by many goroutines.
type Writer struct {
	client  *Client
	opening *trackingv1.OpenWriter
	options WriterOptions
	cancel  context.CancelFunc
	done    chan struct{}

	mutex     sync.Mutex
	changed   chan struct{} // Closed and made anew whenever something below changes.
	gathering gathering
	pending   []*trackingv1.MetricBatch // Not committed.
	sent      int                       // How many of pending were sent on this stream.
	next      uint64                    // Number of the next batch.
	points    int                       // That wait, gathered or pending.
	streams   int
	stop      bool
	closed    bool
	failed    error
}

// OpenWriter begins to write metrics of a run. Close it, or what was logged last may be lost.
func (c *Client) OpenWriter(runID string, options WriterOptions) *Writer {
	if options.Name == "" {
		options.Name, _ = os.Hostname()
	}
	if options.BatchPoints == 0 {
		options.BatchPoints = 8192
	}
	if options.Interval == 0 {
		options.Interval = 100 * time.Millisecond
	}
	if options.BufferPoints == 0 {
		options.BufferPoints = 1_000_000
	}
	ctx, cancel := context.WithCancel(context.Background())
	writer := &Writer{
		client: c,
		opening: &trackingv1.OpenWriter{
			Writer: 1, RunId: runID, WriterId: options.Name + "-" + rand.Text(), Epoch: uint64(time.Now().UnixMicro()),
		},
		options: options, cancel: cancel, done: make(chan struct{}), changed: make(chan struct{}), next: 1,
	}
	go writer.work(ctx)
	go writer.tick(ctx)
	return writer
}

// Log takes in what was measured at a step, now. It waits only while too much waits for the server. Its error is the one
// for which the server takes no more of this writer.
func (w *Writer) Log(step int64, metrics map[string]float64) error {
	return w.LogAt(step, time.Now(), metrics)
}

// LogAt is Log for what was measured at a time.
func (w *Writer) LogAt(step int64, at time.Time, metrics map[string]float64) error {
	if len(metrics) == 0 {
		return nil
	}
	if len(metrics) > batchColumns {
		return fmt.Errorf("herdbook: %d metrics in one call; log them in parts of at most %d", len(metrics), batchColumns)
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for w.failed == nil && !w.closed && w.points >= w.options.BufferPoints {
		w.gather()
		w.await(context.Background())
	}
	if w.failed != nil {
		return w.failed
	}
	if w.closed {
		return fmt.Errorf("herdbook: the writer is closed; open another to log more")
	}
	if !w.gathering.fits(len(metrics), w.options.BatchPoints) {
		w.gather()
	}
	w.gathering.add(step, at.UnixMicro(), metrics)
	w.points += len(metrics)
	return nil
}

// Flush waits until all that was logged before is committed.
func (w *Writer) Flush(ctx context.Context) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.gather()
	target := w.next
	for w.failed == nil && len(w.pending) > 0 && w.pending[0].GetSequence() < target {
		if err := w.await(ctx); err != nil {
			return fmt.Errorf("herdbook: %d points still wait for the server: %w", w.points, err)
		}
	}
	return w.failed
}

// Close flushes and ends the writer.
func (w *Writer) Close(ctx context.Context) error {
	err := w.Flush(ctx)
	w.mutex.Lock()
	w.closed = true
	w.notify()
	w.mutex.Unlock()
	w.cancel()
	<-w.done
	return err
}

// StopRequested is whether somebody asked the run to stop.
func (w *Writer) StopRequested() bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.stop
}

// Streams that were opened so far: more than one after lost connections.
func (w *Writer) Streams() int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.streams
}

func (w *Writer) notify() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// await is called and returns under the lock, which it gives up until something has changed.
func (w *Writer) await(ctx context.Context) error {
	changed := w.changed
	w.mutex.Unlock()
	defer w.mutex.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// gather gives what was gathered a number, under the lock.
func (w *Writer) gather() {
	if w.gathering.points == 0 {
		return
	}
	w.pending = append(w.pending, w.gathering.take(w.next))
	w.next++
	w.notify()
}

func (w *Writer) tick(ctx context.Context) {
	for sleep(ctx, w.options.Interval) {
		w.mutex.Lock()
		w.gather()
		w.mutex.Unlock()
	}
}

// work holds a stream as long as there is something to send.
func (w *Writer) work(ctx context.Context) {
	defer close(w.done)
	attempt, doubts := 0, 0
	for ctx.Err() == nil {
		gotOn, err := w.stream(ctx)
		if gotOn {
			attempt, doubts = 0, 0
		}
		switch status.Code(err) {
		case codes.OK, codes.Unavailable, codes.Canceled, codes.DeadlineExceeded:
		case codes.Internal, codes.Unknown, codes.ResourceExhausted, codes.DataLoss:
			doubts++
		default:
			doubts = doubtful + 1
		}
		if doubts > doubtful {
			w.mutex.Lock()
			w.failed = err
			w.notify()
			w.mutex.Unlock()
			return
		}
		sleep(ctx, wait(err, attempt))
		attempt++
	}
}

// stream sends what waits over one stream until it ends, and tells whether anything was committed.
func (w *Writer) stream(ctx context.Context) (gotOn bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	call, err := w.client.Metrics.LogMetrics(ctx)
	if err != nil {
		return false, err
	}
	open := &trackingv1.LogMetricsRequest{Message: &trackingv1.LogMetricsRequest_Open{Open: w.opening}}
	if err := call.Send(open); err != nil {
		_, err = call.Recv()
		return false, err
	}
	if err := w.hear(call); err != nil {
		return false, err
	}
	heard := make(chan error, 1)
	go func() {
		defer cancel()
		for {
			if err := w.hear(call); err != nil {
				heard <- err
				return
			}
		}
	}()
	before := w.committed()
	for {
		batch, err := w.nextBatch(ctx)
		if err == nil {
			err = call.Send(&trackingv1.LogMetricsRequest{Message: &trackingv1.LogMetricsRequest_Batch{Batch: batch}})
		}
		if err != nil {
			cancel()
			return w.committed() > before, <-heard
		}
	}
}

// committed is the last committed number.
func (w *Writer) committed() uint64 {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.next - uint64(len(w.pending))
}

func (w *Writer) nextBatch(ctx context.Context) (*trackingv1.MetricBatch, error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for w.sent == len(w.pending) {
		if err := w.await(ctx); err != nil {
			return nil, err
		}
	}
	batch := w.pending[w.sent]
	w.sent++
	return batch, nil
}

func (w *Writer) hear(call grpc.BidiStreamingClient[trackingv1.LogMetricsRequest, trackingv1.LogMetricsResponse]) error {
	answer, err := call.Recv()
	if err == io.EOF {
		return status.Error(codes.Unavailable, "the server ended the stream")
	} else if err != nil {
		return err
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	defer w.notify()
	switch answer := answer.GetMessage().(type) {
	case *trackingv1.LogMetricsResponse_Opened:
		w.streams++
		w.stop = answer.Opened.GetStopRequested()
		w.commit(answer.Opened.GetSequence())
		w.sent = 0
		w.fill(answer.Opened.GetSequence() + 1)
	case *trackingv1.LogMetricsResponse_Committed:
		w.stop = answer.Committed.GetStopRequested()
		w.commit(answer.Committed.GetSequence())
	case *trackingv1.LogMetricsResponse_Refused:
		refused := answer.Refused
		return status.Errorf(codes.Code(refused.GetCode()), "%s: %s", refused.GetReason(), refused.GetMessage())
	}
	return nil
}

func (w *Writer) commit(sequence uint64) {
	for len(w.pending) > 0 && w.pending[0].GetSequence() <= sequence {
		for _, table := range w.pending[0].GetTables() {
			w.points -= len(table.GetValues())
		}
		w.pending = w.pending[1:]
		w.sent = max(w.sent-1, 0)
	}
}

// fill puts empty batches where a server that was put back in time has none, so that those behind it can follow.
func (w *Writer) fill(expected uint64) {
	first := w.next
	if len(w.pending) > 0 {
		first = w.pending[0].GetSequence()
	}
	for missing := first; missing > expected; missing-- {
		w.pending = slices.Insert(w.pending, 0, &trackingv1.MetricBatch{Writer: 1, Sequence: missing - 1})
	}
}
