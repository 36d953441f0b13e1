//! `herdbook webhooks`.

use clap::{Args, Subcommand, ValueEnum};
use herdbook_proto::registry::v1::{
    CreateWebhookRequest, DeadLetter, DeleteWebhookRequest, EventSelector, GetWebhookRequest,
    ListDeadLettersRequest, ListWebhookDeliveriesRequest, ListWebhooksRequest,
    ResendDeadLettersRequest, RotateWebhookSecretRequest, TestWebhookRequest, UpdateWebhookRequest,
    Webhook, WebhookDelivery, WebhookFormat, webhook_service_client::WebhookServiceClient,
};
use prost_types::FieldMask;

use super::selector::SelectorOptions;
use crate::{
    cli::{ClientOptions, Output},
    connection::{Connection, connect},
    exit::Failure,
    output,
};

const WEBHOOK: &str = "herdbook.registry.v1.Webhook";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Have changes posted to an address, and print the secret that signs them, which is shown this once.
    ///
    /// Example: herdbook webhooks create deploy https://hooks.example.com/herdbook --stage Production
    Create {
        /// Its name.
        name: String,
        /// Where to, http or https.
        url: String,
        /// Changes after this revision; from now on if not given.
        #[arg(long, value_name = "REVISION")]
        after: Option<i64>,
        /// What it is for.
        #[arg(long, default_value = "")]
        description: String,
        /// What posts look like: Herdbook's own, or those of an MLflow server.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        /// An event of MLflow's format, such as model_version.created; may be repeated. All, if none is named.
        #[arg(long = "event", value_name = "EVENT")]
        events: Vec<String>,
        #[command(flatten)]
        selector: SelectorOptions,
    },
    /// List webhooks, and how each is doing.
    ///
    /// Example: herdbook webhooks list
    List,
    /// Show a webhook.
    ///
    /// Example: herdbook webhooks show deploy
    Show(Name),
    /// Change where a webhook leads, or which changes it is for.
    ///
    /// Example: herdbook webhooks update deploy --url https://hooks.example.com/v2 --select --stage Staging
    Update {
        /// Its name.
        name: String,
        /// Where to.
        #[arg(long)]
        url: Option<String>,
        /// Replace which changes, by what the other options say; all if they say nothing.
        #[arg(long)]
        select: bool,
        #[command(flatten)]
        selector: SelectorOptions,
    },
    /// Send again, from where it stood.
    ///
    /// Example: herdbook webhooks enable deploy
    Enable(Name),
    /// Send nothing until it is enabled.
    ///
    /// Example: herdbook webhooks disable deploy
    Disable(Name),
    /// Delete a webhook with its dead letters.
    ///
    /// Example: herdbook webhooks delete deploy
    Delete(Name),
    /// Replace the secret and print the new one; the old one signs too for 24 hours.
    ///
    /// Example: herdbook webhooks rotate deploy
    Rotate(Name),
    /// Post an event of the type registry.test, once; ends with 1 if it is not acknowledged.
    ///
    /// Example: herdbook webhooks test deploy
    Test(Name),
    /// List the last 100 attempts, newest first.
    ///
    /// Example: herdbook webhooks deliveries deploy
    Deliveries(Name),
    /// List changes that were not taken, oldest first.
    ///
    /// Example: herdbook webhooks dead-letters deploy
    DeadLetters(Name),
    /// Send changes again that were not taken, ahead of what comes next.
    ///
    /// Example: herdbook webhooks resend deploy 118 121
    Resend {
        /// Its name.
        name: String,
        /// Their revisions; all of them if none is given.
        revisions: Vec<i64>,
    },
}

/// What posts look like.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Format {
    /// Records of the audit log, signed as Standard Webhooks has it.
    #[default]
    Standard,
    /// As an MLflow server posts.
    Mlflow,
}

impl Format {
    fn to_proto(self) -> WebhookFormat {
        match self {
            Self::Standard => WebhookFormat::Standard,
            Self::Mlflow => WebhookFormat::Mlflow,
        }
    }
}

/// A webhook.
#[derive(Debug, Args)]
pub(crate) struct Name {
    /// Its name.
    name: String,
}

type Client = WebhookServiceClient<Connection>;

pub(crate) async fn run(options: ClientOptions, command: Command) -> Result<(), Failure> {
    let mut client = WebhookServiceClient::new(connect(&options).await?);
    let output = options.output;
    match command {
        Command::Create {
            name,
            url,
            after,
            description,
            format,
            events,
            selector,
        } => {
            let request = CreateWebhookRequest {
                name,
                url,
                selector: Some(selector.read()?),
                after_revision: after,
                description,
                format: format.to_proto().into(),
                events,
                ..Default::default()
            };
            let made = client.create_webhook(request).await?.into_inner();
            let name = "herdbook.registry.v1.CreateWebhookResponse";
            output::print(output, name, &made, |made| made.secret.clone())
        }
        Command::List => {
            let found = client.list_webhooks(ListWebhooksRequest {}).await?;
            let name = "herdbook.registry.v1.ListWebhooksResponse";
            output::print(output, name, &found.into_inner(), |found| {
                let header = ["webhook", "url", "state", "position", "dead letters"];
                output::table(&header, found.webhooks.iter().map(row))
            })
        }
        Command::Show(Name { name }) => {
            let found = client.get_webhook(GetWebhookRequest { name }).await?;
            print_webhook(output, found.into_inner().webhook)
        }
        Command::Update {
            name,
            url,
            select,
            selector,
        } => update(&mut client, output, name, url, select, selector.read()?).await,
        Command::Enable(Name { name }) => enable(&mut client, output, name, true).await,
        Command::Disable(Name { name }) => enable(&mut client, output, name, false).await,
        Command::Delete(Name { name }) => {
            client.delete_webhook(DeleteWebhookRequest { name }).await?;
            Ok(())
        }
        Command::Rotate(Name { name }) => {
            let request = RotateWebhookSecretRequest { name };
            let made = client.rotate_webhook_secret(request).await?.into_inner();
            let name = "herdbook.registry.v1.RotateWebhookSecretResponse";
            output::print(output, name, &made, |made| made.secret.clone())
        }
        Command::Test(Name { name }) => test(&mut client, output, name).await,
        Command::Deliveries(Name { name }) => {
            let request = ListWebhookDeliveriesRequest { name };
            let found = client.list_webhook_deliveries(request).await?;
            let name = "herdbook.registry.v1.ListWebhookDeliveriesResponse";
            output::print(output, name, &found.into_inner(), |found| {
                let header = ["when", "revision", "attempt", "status", "took", "error"];
                output::table(&header, found.deliveries.iter().map(delivery))
            })
        }
        Command::DeadLetters(Name { name }) => {
            let request = ListDeadLettersRequest {
                name,
                page_size: 1_000,
                ..Default::default()
            };
            let found = client.list_dead_letters(request).await?.into_inner();
            let name = "herdbook.registry.v1.ListDeadLettersResponse";
            output::print(output, name, &found, |found| {
                let header = ["revision", "given up", "sent again", "error"];
                output::table(&header, found.dead_letters.iter().map(dead_letter))
            })
        }
        Command::Resend { name, revisions } => {
            let request = ResendDeadLettersRequest { name, revisions };
            let answer = client.resend_dead_letters(request).await?.into_inner();
            let name = "herdbook.registry.v1.ResendDeadLettersResponse";
            output::print(output, name, &answer, |answer| {
                format!("{} changes are sent again", answer.resent)
            })
        }
    }
}

async fn update(
    client: &mut Client,
    output: Output,
    name: String,
    url: Option<String>,
    select: bool,
    selector: EventSelector,
) -> Result<(), Failure> {
    if !select && selector != EventSelector::default() {
        return Err(Failure::usage(
            "say --select to replace which changes the webhook is for",
        ));
    }
    let url_path = url.as_ref().map(|_| "url".to_owned());
    let paths = url_path
        .into_iter()
        .chain(select.then(|| "selector".to_owned()));
    let webhook = Webhook {
        name,
        url: url.unwrap_or_default(),
        selector: Some(selector),
        ..Default::default()
    };
    change(client, output, webhook, paths.collect()).await
}

async fn enable(
    client: &mut Client,
    output: Output,
    name: String,
    enabled: bool,
) -> Result<(), Failure> {
    let webhook = Webhook {
        name,
        enabled,
        ..Default::default()
    };
    change(client, output, webhook, vec!["enabled".to_owned()]).await
}

async fn change(
    client: &mut Client,
    output: Output,
    webhook: Webhook,
    paths: Vec<String>,
) -> Result<(), Failure> {
    let request = UpdateWebhookRequest {
        webhook: Some(webhook),
        update_mask: Some(FieldMask { paths }),
        ..Default::default()
    };
    let answer = client.update_webhook(request).await?.into_inner();
    print_webhook(output, answer.webhook)
}

async fn test(client: &mut Client, output: Output, name: String) -> Result<(), Failure> {
    let answer = client
        .test_webhook(TestWebhookRequest {
            name,
            ..Default::default()
        })
        .await?;
    let tested = answer.into_inner().delivery.unwrap_or_default();
    if !tested.error.is_empty() {
        return Err(Failure::failed(tested.error));
    }
    let name = "herdbook.registry.v1.WebhookDelivery";
    output::print(output, name, &tested, |tested| {
        let status = tested.status.unwrap_or_default();
        format!("acknowledged with {status} in {}", took(tested))
    })
}

fn print_webhook(output: Output, webhook: Option<Webhook>) -> Result<(), Failure> {
    output::print(output, WEBHOOK, &webhook.unwrap_or_default(), show)
}

fn row(webhook: &Webhook) -> Vec<String> {
    vec![
        webhook.name.clone(),
        webhook.url.clone(),
        state(webhook),
        webhook.position.to_string(),
        webhook.dead_letters.to_string(),
    ]
}

fn state(webhook: &Webhook) -> String {
    match (webhook.enabled, webhook.failing_since.as_ref()) {
        (false, _) if webhook.disabled_reason.is_empty() => "disabled".to_owned(),
        (false, _) => format!("disabled: {}", webhook.disabled_reason),
        (true, None) => "enabled".to_owned(),
        (true, since) => format!("failing, first {}", output::ago(since)),
    }
}

fn show(webhook: &Webhook) -> String {
    let next = match webhook.attempts {
        0 => String::new(),
        failed => format!(
            "{}, attempt {}",
            output::time(webhook.next_attempt_at.as_ref()),
            failed + 1
        ),
    };
    output::facts(&[
        ("webhook", webhook.name.clone()),
        ("url", webhook.url.clone()),
        ("state", state(webhook)),
        ("changes", selected(webhook.selector.as_ref())),
        ("position", webhook.position.to_string()),
        ("next attempt", next),
        ("dead letters", webhook.dead_letters.to_string()),
        (
            "old secret until",
            output::time(webhook.old_secret_until.as_ref()),
        ),
        ("created by", webhook.created_by.clone()),
        ("created", output::time(webhook.created_at.as_ref())),
    ])
}

/// Which changes, in words.
fn selected(selector: Option<&EventSelector>) -> String {
    let selector = selector.cloned().unwrap_or_default();
    let actions = selector.actions().map(|action| action.as_str_name());
    let outcomes = selector.outcomes().map(|outcome| outcome.as_str_name());
    let names = |names: Vec<String>, prefix: &str| {
        let names = names.iter().map(|name| output::name(name, prefix));
        names.collect::<Vec<_>>().join(", ")
    };
    let parts = [
        ("models", selector.models.join(", ")),
        ("stages", selector.stages.join(", ")),
        ("tags", output::pairs(&selector.tags).replace('\n', ", ")),
        (
            "actions",
            names(actions.map(str::to_owned).collect(), "AUDIT_ACTION_"),
        ),
        (
            "outcomes",
            names(outcomes.map(str::to_owned).collect(), "OUTCOME_"),
        ),
    ];
    match output::facts(&parts).as_str() {
        "" => "all".to_owned(),
        facts => facts.to_owned(),
    }
}

fn delivery(delivery: &WebhookDelivery) -> Vec<String> {
    let revision = match delivery.revision {
        0 => "test".to_owned(),
        revision => revision.to_string(),
    };
    vec![
        output::time(delivery.at.as_ref()),
        revision,
        delivery.attempt.to_string(),
        delivery
            .status
            .map(|status| status.to_string())
            .unwrap_or_default(),
        took(delivery),
        delivery.error.clone(),
    ]
}

/// How long the answer took.
fn took(delivery: &WebhookDelivery) -> String {
    let latency = delivery.latency.unwrap_or_default();
    format!(
        "{} ms",
        latency.seconds * 1_000 + i64::from(latency.nanos) / 1_000_000
    )
}

fn dead_letter(letter: &DeadLetter) -> Vec<String> {
    vec![
        letter.revision.to_string(),
        output::time(letter.at.as_ref()),
        if letter.resend { "waits" } else { "" }.to_owned(),
        letter.error.clone(),
    ]
}
