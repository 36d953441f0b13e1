package herdbook_test

import (
	"context"
	"fmt"
	"log"
	"os"

	herdbook "github.com/herdbook/herdbook/clients/go"
	trackingv1 "github.com/herdbook/herdbook/clients/go/proto/herdbook/tracking/v1"
)

func Example() {
	ctx := context.Background()
	client, err := herdbook.Connect(herdbook.FromEnv())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	created, err := client.Runs.CreateRun(ctx, &trackingv1.CreateRunRequest{Params: map[string]string{"lr": "0.01"}})
	if err != nil {
		log.Fatal(err)
	}
	writer := client.OpenWriter(created.GetRun().GetId(), herdbook.WriterOptions{})
	for step := range int64(1000) {
		if err := writer.Log(step, map[string]float64{"loss": 1 / float64(step+1)}); err != nil {
			log.Fatal(err)
		}
	}
	if err := writer.Close(ctx); err != nil {
		log.Fatal(err)
	}
	weights, err := os.Open("weights.bin")
	if err != nil {
		log.Fatal(err)
	}
	defer weights.Close()
	file, err := client.UploadArtifact(ctx, created.GetRun().GetId(), "model/weights.bin", weights)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(file.GetDigest())
}
