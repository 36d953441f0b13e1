//! SearchRuns and AggregateRuns.

use std::collections::BTreeSet;

use herdbook_core::{PageToken, WorkspaceId};
use herdbook_filter::SortValue;
use herdbook_proto::{InvalidRequest, fields, tracking::v1 as proto};

use super::runs::RunApi;
use crate::{
    TrackingError, convert,
    search::{
        Attribute, Field, ParseError,
        groups::{Function, Group, GroupPlace, Grouping},
        parse_field, parse_filter, parse_order,
        rank::Cursor,
    },
    store::search::{Aggregation, Scope, Search, Shown},
};

/// Orders of one search.
const ORDERS: usize = 8;
/// Experiments of one search.
const EXPERIMENTS: usize = 50_000;
/// Columns that one search returns.
const COLUMNS: usize = 100;
/// Fields that runs are grouped by.
const GROUP_BY: usize = 3;
/// Aggregates of each group.
const AGGREGATES: usize = 10;

impl RunApi {
    pub(super) async fn search(
        &self,
        workspace: WorkspaceId,
        request: proto::SearchRunsRequest,
    ) -> Result<proto::SearchRunsResponse, TrackingError> {
        let size = fields::page_size(request.page_size)?;
        let query = format!(
            "runs by columns {:?} {:?} {:?} {}",
            request.experiment_ids, request.filter, request.order_by, request.view
        );
        let columns = columns(&request.columns)?;
        let search = Search {
            scope: scope(&request.experiment_ids, &request.filter, request.view)?,
            orders: read_each("order_by", &request.order_by, ORDERS, parse_order)?,
            after: PageToken::<Cursor>::decode(&request.page_token, &query)?,
            skip: fields::skip(request.skip)?,
            limit: size + 1,
            columns: columns.clone(),
            with_source: request.with_source,
            with_models: request.with_models,
        };
        let mut found = self.store.search_runs(workspace, search).await?;
        let next_page_token = PageToken::cut(&mut found, size, &query, |found| found.place.clone());
        let (mut runs, mut models) = (Vec::with_capacity(found.len()), Vec::new());
        for found in found {
            let id = found.run.0.id;
            models.extend(
                found
                    .models
                    .map(|of| convert::logged_model::to_run_models(id, of)),
            );
            runs.push(show(found.run, columns.as_ref()));
        }
        Ok(proto::SearchRunsResponse {
            runs,
            next_page_token,
            models,
        })
    }

    pub(super) async fn aggregate(
        &self,
        workspace: WorkspaceId,
        request: proto::AggregateRunsRequest,
    ) -> Result<proto::AggregateRunsResponse, TrackingError> {
        let size = fields::page_size(request.page_size)?;
        let query = format!(
            "groups of runs {:?} {:?} {} {:?} {:?}",
            request.experiment_ids, request.filter, request.view, request.group_by, request.best
        );
        let columns = columns(&request.columns)?;
        let best = match request.best.trim() {
            "" => None,
            text => Some(parse_order(text).map_err(|error| unread("best", error))?),
        };
        let grouping = Grouping {
            by: read_each("group_by", &request.group_by, GROUP_BY, parse_field)?,
            aggregates: aggregates(&request.aggregates)?,
            best,
        };
        let aggregation = Aggregation {
            scope: scope(&request.experiment_ids, &request.filter, request.view)?,
            grouping: grouping.clone(),
            after: PageToken::<GroupPlace>::decode(&request.page_token, &query)?,
            limit: size + 1,
            columns: columns.clone(),
        };
        let mut groups = self.store.aggregate_runs(workspace, aggregation).await?;
        let next_page_token = PageToken::cut(&mut groups, size, &query, |(group, _)| group.place());
        let groups = groups.into_iter().map(|(group, best)| proto::RunGroup {
            best_run: best.map(|run| show(run, columns.as_ref())),
            ..to_group(&group, &grouping)
        });
        Ok(proto::AggregateRunsResponse {
            groups: groups.collect(),
            next_page_token,
        })
    }
}

pub(super) fn scope(experiments: &[i64], filter: &str, view: i32) -> Result<Scope, TrackingError> {
    at_most("experiment_ids", experiments.len(), EXPERIMENTS)?;
    let experiments = experiments.iter();
    let experiments = experiments.map(|id| convert::experiment_id("experiment_ids", *id));
    Ok(Scope {
        experiments: experiments.collect::<Result<_, _>>()?,
        filter: parse_filter(filter).map_err(|error| unread("filter", error))?,
        deleted: convert::view(view),
    })
}

pub(super) fn columns(columns: &[String]) -> Result<Option<BTreeSet<Field>>, TrackingError> {
    let fields = read_each("columns", columns, COLUMNS, parse_field)?;
    Ok((!fields.is_empty()).then(|| fields.into_iter().collect()))
}

fn aggregates(aggregates: &[proto::Aggregate]) -> Result<Vec<(Field, Function)>, TrackingError> {
    at_most("aggregates", aggregates.len(), AGGREGATES)?;
    let read = |(index, aggregate): (usize, &proto::Aggregate)| {
        let name = format!("aggregates[{index}]");
        let function = match aggregate.function() {
            proto::AggregateFunction::Unspecified => {
                let field = format!("{name}.function");
                return Err(InvalidRequest::field(field, "is required; COUNT, for one").into());
            }
            proto::AggregateFunction::Count => Function::Count,
            proto::AggregateFunction::Min => Function::Min,
            proto::AggregateFunction::Max => Function::Max,
            proto::AggregateFunction::Mean => Function::Mean,
            proto::AggregateFunction::Stddev => Function::StdDev,
            proto::AggregateFunction::Sum => Function::Sum,
            proto::AggregateFunction::Median => Function::Median,
        };
        let name = format!("{name}.field");
        let field = parse_field(&aggregate.field).map_err(|error| unread(&name, error))?;
        let number = match &field {
            Field::Metric { .. } | Field::Param(_) => true,
            Field::Attribute(attribute) => attribute.is_time(),
            Field::Tag(_) | Field::InputName | Field::InputDigest | Field::InputContext => false,
        };
        if !number && function != Function::Count {
            let what = "has no numbers; compute with metrics, params or times, or take COUNT";
            return Err(InvalidRequest::field(name, what).into());
        }
        Ok((field, function))
    };
    aggregates.iter().enumerate().map(read).collect()
}

fn read_each<T>(
    field: &str,
    texts: &[String],
    limit: usize,
    read: impl Fn(&str) -> Result<T, ParseError>,
) -> Result<Vec<T>, TrackingError> {
    at_most(field, texts.len(), limit)?;
    let texts = texts.iter().enumerate();
    texts
        .map(|(index, text)| {
            read(text).map_err(|error| unread(&format!("{field}[{index}]"), error))
        })
        .collect()
}

fn unread(field: &str, error: ParseError) -> TrackingError {
    TrackingError::Query {
        field: field.to_owned(),
        error,
    }
}

fn at_most(field: &str, count: usize, limit: usize) -> Result<(), InvalidRequest> {
    if count > limit {
        let what = format!("has {count} entries; at most {limit} are taken");
        return Err(InvalidRequest::field(field, what));
    }
    Ok(())
}

/// A run, with the columns that are asked for.
pub(super) fn show((run, metrics): Shown, columns: Option<&BTreeSet<Field>>) -> proto::Run {
    let run = convert::to_run(run, metrics);
    let Some(columns) = columns else {
        return run;
    };
    let mut shown = proto::Run {
        id: run.id,
        params: run.params,
        tags: run.tags,
        metrics: run.metrics,
        inputs: run.inputs,
        // Not read where they are not asked for.
        source: run.source,
        environment: run.environment,
        ..Default::default()
    };
    for field in columns {
        match field {
            Field::Attribute(Attribute::Name) => shown.name.clone_from(&run.name),
            Field::Attribute(Attribute::Status) => shown.status = run.status,
            Field::Attribute(Attribute::User) => shown.user.clone_from(&run.user),
            Field::Attribute(Attribute::StartedAt) => shown.started_at = run.started_at,
            Field::Attribute(Attribute::EndedAt) => shown.ended_at = run.ended_at,
            Field::Attribute(Attribute::ExperimentId) => shown.experiment_id = run.experiment_id,
            Field::Attribute(Attribute::ParentRunId) => {
                shown.parent_run_id.clone_from(&run.parent_run_id);
            }
            // The id is always there, and of the rest only what is asked for was read.
            _ => {}
        }
    }
    shown
}

fn to_group(group: &Group, grouping: &Grouping) -> proto::RunGroup {
    let values = group.values.iter().zip(&grouping.by);
    let values = values.map(|(value, field)| proto::GroupValue {
        value: value.as_ref().map(|value| match value {
            SortValue::Number(bits) => {
                proto::group_value::Value::Number(in_contract(field, f64::from_bits(*bits)))
            }
            SortValue::Text(text) => proto::group_value::Value::Text(text.clone()),
        }),
    });
    let results = group
        .results(grouping)
        .into_iter()
        .zip(&grouping.aggregates);
    let aggregates = results.map(|(value, (field, function))| proto::AggregateValue {
        value: value.map(|value| match function {
            Function::Count => value,
            _ => in_contract(field, value),
        }),
    });
    proto::RunGroup {
        values: values.collect(),
        run_count: i64::try_from(group.runs).unwrap_or(i64::MAX),
        aggregates: aggregates.collect(),
        best_run: None,
    }
}

/// Times are kept in microseconds, and told in milliseconds.
fn in_contract(field: &Field, number: f64) -> f64 {
    match field {
        Field::Attribute(attribute) if attribute.is_time() => number / 1e3,
        _ => number,
    }
}
