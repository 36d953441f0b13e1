package herdbook

import (
	"errors"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Error is what the server says about a failed call.
type Error struct {
	Code    codes.Code
	Message string
	// Reason is stable and upper case, such as TRANSITION_REFUSED; empty if the server was not reached.
	Reason string
	// Metadata is what the reason is about, such as the revision.
	Metadata map[string]string
	// Fields of the request that are wrong.
	Fields []FieldProblem
	// Failures are the rules that refused a move.
	Failures []RuleFailure
	// RetryAfter is when the server advises to try again; 0 if it does not.
	RetryAfter time.Duration
	// RequestID by which the server's log has the call.
	RequestID string
}

// FieldProblem is a field of a request and what is wrong with it.
type FieldProblem struct{ Field, Description string }

// RuleFailure is a rule that failed, for a version such as fraud-detector/3.
type RuleFailure struct{ Kind, Version, Description string }

func (e *Error) Error() string { return e.Message }

// AsError reads the details of an error that a call returned; nil if it is none of the server's or the connection's.
func AsError(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	answer, ok := status.FromError(err)
	if !ok || answer.Code() == codes.OK {
		return nil
	}
	failed := &Error{Code: answer.Code(), Message: answer.Message()}
	for _, detail := range answer.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			failed.Reason, failed.Metadata = detail.GetReason(), detail.GetMetadata()
		case *errdetails.BadRequest:
			for _, field := range detail.GetFieldViolations() {
				failed.Fields = append(failed.Fields, FieldProblem{field.GetField(), field.GetDescription()})
			}
		case *errdetails.PreconditionFailure:
			for _, rule := range detail.GetViolations() {
				failed.Failures = append(failed.Failures, RuleFailure{rule.GetType(), rule.GetSubject(), rule.GetDescription()})
			}
		case *errdetails.RetryInfo:
			failed.RetryAfter = detail.GetRetryDelay().AsDuration()
		case *errdetails.RequestInfo:
			failed.RequestID = detail.GetRequestId()
		}
	}
	return failed
}
