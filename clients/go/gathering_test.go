package herdbook

import (
	"slices"
	"testing"
)

func TestColumnsGoOneAfterAnotherAndRegularStepsFold(t *testing.T) {
	var g gathering
	for step := range int64(3) {
		g.add(step*2, 7, map[string]float64{"b": float64(step), "a": -float64(step)})
	}
	batch := g.take(5)
	if len(batch.Tables) != 1 || batch.Sequence != 5 {
		t.Fatalf("%v", batch)
	}
	table := batch.Tables[0]
	if !slices.Equal(table.Values, []float64{0, -1, -2, 0, 1, 2}) || !slices.Equal(table.StepDeltas, []int64{2}) {
		t.Errorf("%v", table)
	}
	if batch.Keys[table.Keys[0]] != "a" || batch.Keys[table.Keys[1]] != "b" {
		t.Errorf("%v", batch.Keys)
	}
}

func TestIrregularStepsStayAndNumbersLastFromBatchToBatch(t *testing.T) {
	var g gathering
	for _, step := range []int64{0, 1, 5} {
		g.add(step, 0, map[string]float64{"loss": 1})
	}
	first := g.take(1).Tables[0]
	if !slices.Equal(first.StepDeltas, []int64{1, 4}) {
		t.Errorf("%v", first.StepDeltas)
	}
	g.add(6, 0, map[string]float64{"accuracy": 1})
	g.add(6, 0, map[string]float64{"loss": 1})
	second := g.take(2)
	if len(second.Tables) != 2 || second.Tables[1].Keys[0] != first.Keys[0] || second.Tables[0].Keys[0] == first.Keys[0] {
		t.Errorf("%v", second)
	}
}
