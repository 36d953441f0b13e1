package herdbook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc/codes"

	commonv1 "github.com/herdbook/herdbook/clients/go/proto/herdbook/common/v1"
	registryv1 "github.com/herdbook/herdbook/clients/go/proto/herdbook/registry/v1"
	trackingv1 "github.com/herdbook/herdbook/clients/go/proto/herdbook/tracking/v1"
)

// Bytes of a file in one message.
const chunkBytes = 1 << 20

// UploadArtifact keeps what content holds, from its present position on, as a file of a run. It is read twice, first for
// its digest, which the server checks, and again if the connection is lost.
func (c *Client) UploadArtifact(ctx context.Context, runID, path string, content io.ReadSeeker) (*commonv1.File, error) {
	start, err := content.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	hash := sha256.New()
	size, err := io.Copy(hash, content)
	if err != nil {
		return nil, err
	}
	header := &trackingv1.ArtifactHeader{RunId: runID, Path: path, Digest: digest(hash.Sum(nil)), Size: &size}
	var file *commonv1.File
	err = c.persist(ctx, func() (bool, error) {
		if _, err := content.Seek(start, io.SeekStart); err != nil {
			return false, err
		}
		file, err = c.upload(ctx, header, content)
		return false, err
	})
	return file, err
}

func (c *Client) upload(ctx context.Context, header *trackingv1.ArtifactHeader, content io.Reader) (*commonv1.File, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	call, err := c.Artifacts.UploadArtifact(ctx)
	if err != nil {
		return nil, err
	}
	err = call.Send(&trackingv1.UploadArtifactRequest{Message: &trackingv1.UploadArtifactRequest_Header{Header: header}})
	for chunk := make([]byte, chunkBytes); err == nil; {
		read, ended := io.ReadFull(content, chunk)
		if read > 0 {
			err = call.Send(&trackingv1.UploadArtifactRequest{Message: &trackingv1.UploadArtifactRequest_Chunk{Chunk: chunk[:read]}})
		}
		if errors.Is(ended, io.EOF) || errors.Is(ended, io.ErrUnexpectedEOF) {
			break
		} else if ended != nil {
			return nil, ended
		}
	}
	// Why a message could not be sent is in the answer.
	answer, err := call.CloseAndRecv()
	return answer.GetFile(), err
}

// DownloadArtifact writes a file of a run. After a lost connection it goes on with the next byte; an error says if the
// bytes are not those of the digest.
func (c *Client) DownloadArtifact(ctx context.Context, runID, path string, into io.Writer) (*commonv1.File, error) {
	return c.download(ctx, into, func(ctx context.Context, offset int64) (func() (part, error), error) {
		request := &trackingv1.DownloadArtifactRequest{RunId: runID, Path: path, Offset: offset}
		call, err := c.Artifacts.DownloadArtifact(ctx, request)
		return func() (part, error) { return call.Recv() }, err
	})
}

// DownloadVersionFile writes a file of a version, such as fraud-detector@Production, likewise.
func (c *Client) DownloadVersionFile(ctx context.Context, reference, path string, into io.Writer) (*commonv1.File, error) {
	return c.download(ctx, into, func(ctx context.Context, offset int64) (func() (part, error), error) {
		request := &registryv1.DownloadVersionFileRequest{Reference: reference, Path: path, Offset: offset}
		call, err := c.Versions.DownloadVersionFile(ctx, request)
		return func() (part, error) { return call.Recv() }, err
	})
}

// part of a download: first the file's facts, then its bytes.
type part interface {
	GetFile() *commonv1.File
	GetChunk() []byte
}

func (c *Client) download(ctx context.Context, into io.Writer, open func(context.Context, int64) (func() (part, error), error)) (*commonv1.File, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var file *commonv1.File
	var written int64
	hash := sha256.New()
	err := c.persist(ctx, func() (bool, error) {
		before := written
		next, err := open(ctx, written)
		for err == nil {
			var found part
			if found, err = next(); err != nil {
				break
			}
			if told := found.GetFile(); told != nil {
				if file != nil && file.GetDigest() != told.GetDigest() {
					return false, fmt.Errorf("herdbook: %s was replaced while it was read; read it again", told.GetPath())
				}
				file = told
			}
			hash.Write(found.GetChunk())
			if _, err := into.Write(found.GetChunk()); err != nil {
				return false, err
			}
			written += int64(len(found.GetChunk()))
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return written > before, err
	})
	if err != nil {
		return nil, err
	}
	if found := digest(hash.Sum(nil)); found != file.GetDigest() {
		return nil, fmt.Errorf("herdbook: %s arrived as %s, not as %s; read it again", file.GetPath(), found, file.GetDigest())
	}
	return file, nil
}

// persist tries again while the server is away, for as long as the client is patient since it last got on.
func (c *Client) persist(ctx context.Context, try func() (gotOn bool, err error)) error {
	until := time.Now().Add(c.patience)
	for attempt := 0; ; attempt++ {
		gotOn, err := try()
		failed := AsError(err)
		if failed == nil || failed.Code != codes.Unavailable && failed.RetryAfter == 0 {
			return err
		}
		if gotOn {
			attempt, until = 0, time.Now().Add(c.patience)
		}
		pause := wait(err, attempt)
		if time.Now().Add(pause).After(until) || !sleep(ctx, pause) {
			return c.describe(err)
		}
	}
}

func digest(sum []byte) string { return "sha256:" + hex.EncodeToString(sum) }
