//! `herdbook models card`.

use std::{io::IsTerminal as _, path::PathBuf};

use clap::{Args, Subcommand};
use herdbook_proto::registry::v1::{
    GetModelRequest, GetVersionRequest, Model, ModelCard, Schema, SchemaField, UpdateModelRequest,
    UpdateVersionRequest, Version, model_service_client::ModelServiceClient,
    version_service_client::VersionServiceClient,
};
use prost_types::FieldMask;
use termimad::MadSkin;

use super::{MODEL, VERSION};
use crate::{cli::Output, connection::Connection, exit::Failure, output};

const CARD: &str = "herdbook.registry.v1.ModelCard";
/// Metrics that a card shows.
const METRICS: usize = 20;

/// Show the card of a model or a version, or change it.
///
/// On a terminal it is laid out, elsewhere it is Markdown. A version shows what its model's card says
/// where its own says nothing.
///
/// Example: herdbook models card fraud-detector@Production
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    /// A model, or a version such as model/3, model@Production or model@v1.2.0.
    reference: Option<String>,
    #[command(subcommand)]
    edit: Option<Edit>,
}

#[derive(Debug, Subcommand)]
enum Edit {
    /// Change the card of a model, or what a version has of its own.
    ///
    /// Example: herdbook models card edit fraud-detector --set licence=MIT --owner risk-ml
    Edit {
        /// A model, or a version such as model/3.
        reference: String,
        /// The whole card: a file of YAML with usage_notes, intended_use, limits and licence.
        #[arg(long, value_name = "FILE", conflicts_with = "set")]
        file: Option<PathBuf>,
        /// One field; empty to take it away. May be repeated.
        #[arg(long, value_name = "FIELD=TEXT")]
        set: Vec<String>,
        /// Who answers for the model, in place of those who did; may be repeated.
        #[arg(long, value_name = "NAME")]
        owner: Vec<String>,
    },
}

pub(super) async fn run(
    connection: Connection,
    output: Output,
    options: Options,
) -> Result<(), Failure> {
    match (options.edit, options.reference) {
        (Some(edit), _) => change(connection, output, edit).await,
        (None, Some(reference)) => show(connection, output, reference).await,
        (None, None) => Err(Failure::usage("name a model, or a version such as model/3")),
    }
}

async fn show(connection: Connection, output: Output, reference: String) -> Result<(), Failure> {
    let (model, version) = get(connection, reference).await?;
    let text = document(&model, version.as_ref());
    match version {
        Some(version) => output::print_drawn(output, VERSION, &version, |_| laid_out(&text)),
        None => output::print_drawn(output, MODEL, &model, |_| laid_out(&text)),
    }
}

/// The model that a reference is about, and the version that it means, if it means one.
async fn get(
    connection: Connection,
    reference: String,
) -> Result<(Model, Option<Version>), Failure> {
    let version = match reference.contains(['/', '@']) {
        false => None,
        true => {
            let request = GetVersionRequest {
                reference: reference.clone(),
            };
            let mut versions = VersionServiceClient::new(connection.clone());
            versions.get_version(request).await?.into_inner().version
        }
    };
    let name = version.as_ref().map(|version| version.model.clone());
    let request = GetModelRequest {
        name: name.unwrap_or(reference),
        ..Default::default()
    };
    let mut models = ModelServiceClient::new(connection);
    let model = models.get_model(request).await?.into_inner().model;
    Ok((model.unwrap_or_default(), version))
}

async fn change(connection: Connection, output: Output, edit: Edit) -> Result<(), Failure> {
    let Edit::Edit {
        reference,
        file,
        set,
        owner,
    } = edit;
    let (card, fields) = read(file, set)?;
    let (model, version) = get(connection.clone(), reference).await?;
    if card.is_none() && owner.is_empty() {
        return Err(Failure::usage(
            "give --file, --set or --owner: nothing is to change",
        ));
    }
    let paths = |whole: &str| match fields.is_empty() {
        true => vec![whole.to_owned()],
        false => fields
            .iter()
            .map(|field| format!("{whole}.{field}"))
            .collect(),
    };
    let Some(version) = version else {
        let mut mask = if card.is_some() {
            paths("card")
        } else {
            Vec::new()
        };
        mask.extend((!owner.is_empty()).then(|| "owners".to_owned()));
        let request = UpdateModelRequest {
            model: Some(Model {
                name: model.name,
                card,
                owners: owner,
                ..Default::default()
            }),
            update_mask: Some(FieldMask { paths: mask }),
        };
        let mut models = ModelServiceClient::new(connection);
        let changed = models.update_model(request).await?.into_inner().model;
        let changed = changed.unwrap_or_default();
        let text = document(&changed, None);
        return output::print_drawn(output, MODEL, &changed, |_| laid_out(&text));
    };
    if !owner.is_empty() {
        return Err(Failure::usage(
            "models have owners, versions have not; name the model alone",
        ));
    }
    let request = UpdateVersionRequest {
        version: Some(Version {
            model: version.model,
            number: version.number,
            own_card: card,
            ..Default::default()
        }),
        update_mask: Some(FieldMask {
            paths: paths("own_card"),
        }),
    };
    let mut versions = VersionServiceClient::new(connection);
    let changed = versions.update_version(request).await?.into_inner().version;
    let changed = changed.unwrap_or_default();
    let text = document(&model, Some(&changed));
    output::print_drawn(output, VERSION, &changed, |_| laid_out(&text))
}

/// The card in a file of YAML.
pub(super) fn from_file(file: &PathBuf) -> Result<ModelCard, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
    output::read_yaml(CARD, &text)
}

/// The card to set, if any, and which fields of it; the whole, if none is named.
fn read(
    file: Option<PathBuf>,
    set: Vec<String>,
) -> Result<(Option<ModelCard>, Vec<String>), Failure> {
    if let Some(file) = file {
        return Ok((Some(from_file(&file)?), Vec::new()));
    }
    let mut card = ModelCard::default();
    let mut fields = Vec::new();
    for word in set {
        let (name, text) = word
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("{word:?} is not FIELD=TEXT")))?;
        let field = match name {
            "usage_notes" => &mut card.usage_notes,
            "intended_use" => &mut card.intended_use,
            "limits" => &mut card.limits,
            "licence" => &mut card.licence,
            _ => {
                let known = "usage_notes, intended_use, limits and licence";
                return Err(Failure::usage(format!(
                    "a card has no {name:?}; it has {known}"
                )));
            }
        };
        text.clone_into(field);
        fields.push(name.to_owned());
    }
    Ok(((!fields.is_empty()).then_some(card), fields))
}

/// The card of a model, or of one of its versions, in Markdown.
fn document(model: &Model, version: Option<&Version>) -> String {
    let mut parts = Vec::new();
    match version {
        None => parts.push(format!("# {}", model.name)),
        Some(version) => {
            let Version {
                model,
                number,
                label,
                ..
            } = version;
            parts.push(format!("# {model}/{number} {label}").trim_end().to_owned());
        }
    }
    let card = version.map_or(model.card.as_ref(), |version| version.card.as_ref());
    let card = card.cloned().unwrap_or_default();
    let mut facts = vec![
        ("Owners", model.owners.join(", ")),
        ("Licence", card.licence),
    ];
    if let Some(version) = version {
        let at = output::time(version.created_at.as_ref());
        facts.extend([
            ("Stage", version.stage.clone()),
            ("Flavor", version.flavor.clone()),
            ("Source", version.source.clone()),
            ("Created", format!("{at} by {}", version.created_by)),
        ]);
    }
    let facts = facts.into_iter().filter(|(_, said)| !said.is_empty());
    let facts: Vec<_> = facts
        .map(|(name, said)| format!("* **{name}**: {said}"))
        .collect();
    parts.push(facts.join("\n"));
    let description = version.map(|version| version.description.as_str());
    let description = description.filter(|text| !text.is_empty());
    parts.push(description.unwrap_or(&model.description).to_owned());
    for (title, text) in [
        ("Intended use", card.intended_use),
        ("Usage notes", card.usage_notes),
        ("Limits", card.limits),
    ] {
        if !text.is_empty() {
            parts.push(format!("## {title}\n\n{}", text.trim_end()));
        }
    }
    if let Some(version) = version {
        parts.extend(version.schema.as_ref().map(schema));
        parts.push(metrics(version));
    }
    parts.retain(|part| !part.trim().is_empty());
    parts.join("\n\n") + "\n"
}

fn schema(schema: &Schema) -> String {
    let row = |side: &str, field: &SchemaField| {
        let sizes = field.shape.iter().map(ToString::to_string);
        let shape = sizes.collect::<Vec<_>>().join(" × ");
        let optional = if field.optional { "optional" } else { "" };
        format!(
            "| {side} | {} | {} | {shape} | {optional} |",
            field.name, field.r#type
        )
    };
    let inputs = schema.inputs.iter().map(|field| row("in", field));
    let outputs = schema.outputs.iter().map(|field| row("out", field));
    let rows: Vec<_> = inputs.chain(outputs).collect();
    format!(
        "## Schema\n\n|  | name | type | shape |  |\n|-|-|-|-|-|\n{}",
        rows.join("\n")
    )
}

fn metrics(version: &Version) -> String {
    let mut metrics: Vec<_> = version.metrics.iter().collect();
    metrics.sort_unstable_by_key(|(key, _)| *key);
    if metrics.is_empty() {
        return String::new();
    }
    let rest = metrics.len().saturating_sub(METRICS);
    let rows = metrics.iter().take(METRICS);
    let rows: Vec<_> = rows
        .map(|(key, value)| format!("| {key} | {} |", output::number(**value)))
        .collect();
    let more = match rest {
        0 => String::new(),
        rest => format!("\n\nand {rest} more"),
    };
    format!(
        "## Metrics\n\n| metric | value |\n|-|-|\n{}{more}",
        rows.join("\n")
    )
}

/// As a terminal shows it.
fn laid_out(markdown: &str) -> String {
    let text = output::plain(markdown);
    if !std::io::stdout().is_terminal() {
        return text;
    }
    MadSkin::default().term_text(&text).to_string()
}
