//! What clients ask to learn what the server can do.

use axum::response::Response;
use serde_json::json;

use super::{call::Call, endpoint::Endpoint, error::Answer, wire};

/// The version of MLflow's server whose protocol is spoken: clients choose by it what they send.
const VERSION: &str = "3.17.2";

pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("server-info", server_info),
        Endpoint::get("server-features", server_info),
    ]
}

async fn server_info(_: Call) -> Answer<Response> {
    wire::json(&json!({
        "store_type": "SqlStore",
        "workspaces_enabled": true,
        "trace_archival_enabled": false,
        "multipart_uploads_enabled": false,
        "multipart_downloads_enabled": false,
        "presigned_upload_run_id_supported": false,
        "presigned_upload_model_id_supported": false,
        "features_enabled": { "gateway": false },
    }))
}

/// Open to everybody, as those who watch over servers need it.
pub(super) async fn health() -> &'static str {
    "OK"
}

/// Open to everybody.
pub(super) async fn version() -> &'static str {
    VERSION
}
