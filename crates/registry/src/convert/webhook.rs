//! Webhooks between the contract and the domain.

use herdbook_proto::{registry::v1 as proto, time::to_timestamp};

use crate::webhooks::{DeadLetter, Delivery, Webhook};

/// A webhook as the contract has it, without its secrets.
pub(crate) fn to_webhook(webhook: Webhook) -> proto::Webhook {
    let waits = webhook.attempts > 0;
    proto::Webhook {
        name: webhook.name,
        url: webhook.url,
        selector: Some(webhook.selector),
        enabled: webhook.enabled,
        disabled_reason: webhook.disabled_reason,
        position: webhook.position,
        failing_since: webhook.failing_since.map(to_timestamp),
        attempts: webhook.attempts,
        next_attempt_at: waits.then(|| to_timestamp(webhook.due_at)),
        dead_letters: webhook.dead_letters,
        created_by: webhook.created_by,
        created_at: Some(to_timestamp(webhook.created_at)),
        old_secret_until: webhook.old_secret_until.map(to_timestamp),
        id: webhook.id.to_string(),
        description: webhook.description,
        format: webhook.format.to_proto().into(),
        events: webhook.events,
        updated_at: Some(to_timestamp(webhook.updated_at)),
    }
}

/// An attempt as the contract has it.
pub(crate) fn to_delivery(delivery: Delivery) -> proto::WebhookDelivery {
    let answer = delivery.answer;
    proto::WebhookDelivery {
        revision: delivery.revision,
        attempt: delivery.attempt,
        at: Some(to_timestamp(delivery.at)),
        status: answer.status.map(u32::from),
        error: answer.error,
        // Fails only for latencies of years.
        latency: answer.latency.try_into().ok(),
    }
}

/// A dead letter as the contract has it.
pub(crate) fn to_dead_letter(letter: DeadLetter) -> proto::DeadLetter {
    proto::DeadLetter {
        revision: letter.revision,
        at: Some(to_timestamp(letter.at)),
        error: letter.error,
        resend: letter.resend,
    }
}
