//! How metrics are meant.

use herdbook_core::{WorkspaceId, check_key, check_name};
use herdbook_proto::{Violations, tracking::v1 as proto};

use super::metrics::MetricApi;
use crate::{TrackingError, convert, store::definitions::Definition};

/// Definitions of one call.
const DEFINITIONS: usize = 1_000;
/// Digits of a step after the decimal point.
const STEP_DIGITS: u32 = 18;

impl MetricApi {
    pub(super) async fn define(
        &self,
        workspace: WorkspaceId,
        request: proto::DefineMetricsRequest,
    ) -> Result<(), TrackingError> {
        let mut violations = Violations::default();
        let count = request.definitions.len();
        if count == 0 || count > DEFINITIONS {
            let what = format!("has {count} entries; give 1 to {DEFINITIONS}");
            violations.add("definitions", what);
        }
        let mut definitions = std::collections::BTreeMap::new();
        for (index, definition) in request
            .definitions
            .into_iter()
            .take(DEFINITIONS)
            .enumerate()
        {
            let field = |name: &str| format!("definitions[{index}].{name}");
            violations.check(field("key"), check_key(&definition.key));
            if !definition.x_key.is_empty() {
                violations.check(field("x_key"), check_key(&definition.x_key));
            }
            if !definition.unit.is_empty() {
                violations.check(field("unit"), check_name(&definition.unit));
            }
            if definition.step_digits > STEP_DIGITS {
                let what = format!("is {}; at most {STEP_DIGITS}", definition.step_digits);
                violations.add(field("step_digits"), what);
            }
            if proto::MetricGoal::try_from(definition.goal).is_err() {
                violations.add(field("goal"), "is none of those there are");
            }
            let known = Definition {
                step_digits: i16::try_from(definition.step_digits).unwrap_or_default(),
                x_key: definition.x_key,
                goal: i16::try_from(definition.goal).unwrap_or_default(),
                unit: definition.unit,
            };
            definitions.insert(definition.key, known);
        }
        violations.finish()?;
        let id = convert::run_id(&request.run_id)?;
        let run = self.store.active_run(workspace, id).await?;
        self.store.define_metrics(run, &definitions).await
    }

    pub(super) async fn definitions(
        &self,
        workspace: WorkspaceId,
        run_id: &str,
    ) -> Result<Vec<proto::MetricDefinition>, TrackingError> {
        let run = self
            .store
            .run_key(workspace, convert::run_id(run_id)?)
            .await?;
        let definitions = self.store.metric_definitions(run).await?;
        let shown = definitions
            .into_iter()
            .map(|(key, d)| proto::MetricDefinition {
                key,
                step_digits: u32::try_from(d.step_digits).unwrap_or_default(),
                x_key: d.x_key,
                goal: d.goal.into(),
                unit: d.unit,
            });
        Ok(shown.collect())
    }
}
