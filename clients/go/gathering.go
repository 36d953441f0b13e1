package herdbook

import (
	"maps"
	"slices"

	trackingv1 "github.com/herdbook/herdbook/clients/go/proto/herdbook/tracking/v1"
)

// Columns of a batch, as the server limits them.
const batchColumns = 10_000

// gathering is a batch that is being filled.
type gathering struct {
	numbers map[string]uint32 // Of all keys of the writer.
	tables  []*rows
	columns int
	points  int
}

// rows that have the same metrics.
type rows struct {
	keys         []string
	steps, times []int64
	values       []float64 // Row after row.
}

func (g *gathering) fits(metrics, points int) bool {
	return g.points == 0 || g.points+metrics <= points && g.columns+metrics <= batchColumns
}

func (g *gathering) add(step, timeUs int64, metrics map[string]float64) {
	table := g.table(metrics)
	table.steps = append(table.steps, step)
	table.times = append(table.times, timeUs)
	for _, key := range table.keys {
		table.values = append(table.values, metrics[key])
	}
	g.points += len(metrics)
}

// table is the last one if it is of the same metrics: points of a metric stay in their order.
func (g *gathering) table(metrics map[string]float64) *rows {
	if last := len(g.tables) - 1; last >= 0 && len(g.tables[last].keys) == len(metrics) {
		missing := func(key string) bool { _, found := metrics[key]; return !found }
		if !slices.ContainsFunc(g.tables[last].keys, missing) {
			return g.tables[last]
		}
	}
	table := &rows{keys: slices.Sorted(maps.Keys(metrics))}
	g.tables = append(g.tables, table)
	g.columns += len(metrics)
	return table
}

// take is the batch as it travels; the next one starts empty. It has its keys with it, so that it can be sent first on
// any stream.
func (g *gathering) take(sequence uint64) *trackingv1.MetricBatch {
	batch := &trackingv1.MetricBatch{Writer: 1, Sequence: sequence, Keys: map[uint32]string{}}
	if g.numbers == nil {
		g.numbers = map[string]uint32{}
	}
	for _, rows := range g.tables {
		table := &trackingv1.MetricTable{
			FirstStep: rows.steps[0], StepDeltas: deltas(rows.steps),
			FirstTimeUs: rows.times[0], TimeDeltasUs: deltas(rows.times),
			Values: make([]float64, 0, len(rows.values)),
		}
		for column, key := range rows.keys {
			number, known := g.numbers[key]
			if !known {
				number = uint32(len(g.numbers))
				g.numbers[key] = number
			}
			batch.Keys[number] = key
			table.Keys = append(table.Keys, number)
			for row := range rows.steps {
				table.Values = append(table.Values, rows.values[row*len(rows.keys)+column])
			}
		}
		batch.Tables = append(batch.Tables, table)
	}
	g.tables, g.columns, g.points = nil, 0, 0
	return batch
}

// deltas of a column; one alone if all are the same.
func deltas(column []int64) []int64 {
	deltas := make([]int64, 0, len(column))
	for row := 1; row < len(column); row++ {
		deltas = append(deltas, column[row]-column[row-1])
	}
	if len(deltas) > 1 && len(slices.Compact(slices.Clone(deltas))) == 1 {
		return deltas[:1]
	}
	return deltas
}
