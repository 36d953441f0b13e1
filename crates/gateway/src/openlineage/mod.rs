//! OpenLineage: events of runs, jobs and data sets (<https://openlineage.io/spec/2-0-2>) as records of
//! the lineage service.
//!
//! An event is read and checked (`event`, `facets`), becomes one record by itself (`mapping`, with its
//! runs and jobs by `activities`, its data by `datasets`, names by `naming`), and is kept whole or not at
//! all. So events may come in any order and any number of times.

mod activities;
mod datasets;
mod event;
mod exact;
mod explicit;
mod facets;
mod mapping;
mod naming;
mod routes;
mod symlinks;
mod time;

pub(crate) use routes::routes;
