// Package herdbook connects Go programs to a Herdbook: the code that is generated from the contract, with what every
// user would write otherwise. Calls are made on the generated clients, which are fields of [Client]; the helpers stream
// metrics exactly once, carry files, resolve versions and watch the registry.
package herdbook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	accessv1 "github.com/herdbook/herdbook/clients/go/proto/herdbook/access/v1"
	lineagev1 "github.com/herdbook/herdbook/clients/go/proto/herdbook/lineage/v1"
	registryv1 "github.com/herdbook/herdbook/clients/go/proto/herdbook/registry/v1"
	trackingv1 "github.com/herdbook/herdbook/clients/go/proto/herdbook/tracking/v1"
)

// Version is that of all clients of Herdbook.
const Version = "0.1.0"

// Largest message in either direction, in bytes, as the server has it.
const messageBytes = 16 << 20

// Config says where the server is and how to call it.
type Config struct {
	// URL of the server, such as https://herdbook.example.com; http://127.0.0.1:5757 if empty.
	URL string
	// Token to call with, such as hbk_…; none if empty.
	Token string
	// Workspace to work in; that of the token if empty.
	Workspace string
	// CAFile names a PEM file with the certificates to trust; those of the system if empty.
	CAFile string
	// Patience is how long calls are tried again while the server is away; 30 seconds if 0, and not at all below.
	Patience time.Duration
}

// FromEnv reads HERDBOOK_URL, HERDBOOK_TOKEN, HERDBOOK_WORKSPACE and HERDBOOK_CA_FILE.
func FromEnv() Config {
	return Config{
		URL:       os.Getenv("HERDBOOK_URL"),
		Token:     os.Getenv("HERDBOOK_TOKEN"),
		Workspace: os.Getenv("HERDBOOK_WORKSPACE"),
		CAFile:    os.Getenv("HERDBOOK_CA_FILE"),
	}
}

// Client is a connection to a server, safe for use by many goroutines.
type Client struct {
	Access      accessv1.AccessServiceClient
	Experiments trackingv1.ExperimentServiceClient
	Runs        trackingv1.RunServiceClient
	Metrics     trackingv1.MetricServiceClient
	Values      trackingv1.ValueServiceClient
	Artifacts   trackingv1.ArtifactServiceClient
	Models      registryv1.ModelServiceClient
	Versions    registryv1.VersionServiceClient
	Transitions registryv1.TransitionServiceClient
	Requests    registryv1.RequestServiceClient
	Checks      registryv1.CheckServiceClient
	Policies    registryv1.PolicyServiceClient
	Webhooks    registryv1.WebhookServiceClient
	Lineage     lineagev1.LineageServiceClient

	connection *grpc.ClientConn
	url        string
	patience   time.Duration
}

// Connect prepares a connection; the first call makes it. Unary calls are tried again as the errors of the server
// advise; where the contract has a request_id an empty one is filled in, so that a repeat does nothing twice.
func Connect(config Config) (*Client, error) {
	if config.URL == "" {
		config.URL = "http://127.0.0.1:5757"
	}
	if config.Patience == 0 {
		config.Patience = 30 * time.Second
	}
	target, transport, err := transportOf(config)
	if err != nil {
		return nil, err
	}
	client := &Client{url: config.URL, patience: config.Patience}
	client.connection, err = grpc.NewClient(
		target,
		grpc.WithTransportCredentials(transport),
		grpc.WithPerRPCCredentials(caller{config.Token, config.Workspace}),
		grpc.WithUserAgent("herdbook-go/"+Version),
		grpc.WithUnaryInterceptor(client.repeat),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageBytes)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstWait, Multiplier: 2, Jitter: 0.5, MaxDelay: longestWait},
			MinConnectTimeout: 5 * time.Second,
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("herdbook: the server cannot be %s: %w", config.URL, err)
	}
	client.Access = accessv1.NewAccessServiceClient(client.connection)
	client.Experiments = trackingv1.NewExperimentServiceClient(client.connection)
	client.Runs = trackingv1.NewRunServiceClient(client.connection)
	client.Metrics = trackingv1.NewMetricServiceClient(client.connection)
	client.Values = trackingv1.NewValueServiceClient(client.connection)
	client.Artifacts = trackingv1.NewArtifactServiceClient(client.connection)
	client.Models = registryv1.NewModelServiceClient(client.connection)
	client.Versions = registryv1.NewVersionServiceClient(client.connection)
	client.Transitions = registryv1.NewTransitionServiceClient(client.connection)
	client.Requests = registryv1.NewRequestServiceClient(client.connection)
	client.Checks = registryv1.NewCheckServiceClient(client.connection)
	client.Policies = registryv1.NewPolicyServiceClient(client.connection)
	client.Webhooks = registryv1.NewWebhookServiceClient(client.connection)
	client.Lineage = lineagev1.NewLineageServiceClient(client.connection)
	return client, nil
}

// Connection is for generated clients that [Client] has no field for.
func (c *Client) Connection() grpc.ClientConnInterface { return c.connection }

// Close ends the connection, and with it all that runs on it.
func (c *Client) Close() error { return c.connection.Close() }

func transportOf(config Config) (string, credentials.TransportCredentials, error) {
	address, err := url.Parse(config.URL)
	if err != nil || address.Host == "" {
		return "", nil, fmt.Errorf("herdbook: the server cannot be %q; give an address such as http://127.0.0.1:5757", config.URL)
	}
	target := "dns:///" + address.Host
	switch address.Scheme {
	case "http":
		if address.Port() == "" {
			target += ":80"
		}
		return target, insecure.NewCredentials(), nil
	case "https":
		options := &tls.Config{MinVersion: tls.VersionTLS12}
		if config.CAFile != "" {
			certificates, err := os.ReadFile(config.CAFile)
			if err != nil {
				return "", nil, fmt.Errorf("herdbook: the certificates to trust: %w", err)
			}
			options.RootCAs = x509.NewCertPool()
			if !options.RootCAs.AppendCertsFromPEM(certificates) {
				return "", nil, fmt.Errorf("herdbook: %s has no certificate in PEM", config.CAFile)
			}
		}
		return target, credentials.NewTLS(options), nil
	default:
		return "", nil, fmt.Errorf("herdbook: the server cannot be %q; it begins with http:// or https://", config.URL)
	}
}

// caller is what each call carries.
type caller struct{ token, workspace string }

func (c caller) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	metadata := map[string]string{}
	if c.token != "" {
		metadata["authorization"] = "Bearer " + c.token
	}
	if c.workspace != "" {
		metadata["herdbook-workspace"] = c.workspace
	}
	return metadata, nil
}

// RequireTransportSecurity is false: on loopback a Herdbook may ask for tokens without TLS.
func (caller) RequireTransportSecurity() bool { return false }
