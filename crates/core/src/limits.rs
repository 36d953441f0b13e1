//! The limits that every service states and enforces. Sizes are in bytes unless said otherwise.

/// Characters in the name of an experiment, run, model, workspace or stage.
pub const NAME_CHARS: usize = 255;
/// Characters in the key of a param, metric or tag.
pub const KEY_CHARS: usize = 250;
/// Bytes in the value of a param.
pub const PARAM_VALUE_BYTES: usize = 8 * 1024;
/// Bytes in the value of a tag.
pub const TAG_VALUE_BYTES: usize = 8 * 1024;
/// Bytes in the value of a tag of a model or a version: a prompt of 100,000 characters fits.
pub const REGISTRY_TAG_VALUE_BYTES: usize = 400_000;
/// Bytes in a description or in notes.
pub const TEXT_BYTES: usize = 64 * 1024;
/// Params, tags or inputs in one request.
pub const ENTRIES_PER_REQUEST: usize = 1_000;
/// Points in one `LogBatch` call or one message of a metric stream.
pub const POINTS_PER_BATCH: usize = 1_000_000;
/// Distinct metric keys in one message.
pub const KEYS_PER_BATCH: usize = 10_000;
/// Largest message the server accepts or sends.
pub const MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// Largest piece of a file in one message of a transfer.
pub const FILE_CHUNK_BYTES: usize = 1024 * 1024;
/// Characters in the path of an artifact.
pub const ARTIFACT_PATH_CHARS: usize = 1_024;
/// Entries of a page when the request does not say.
pub const DEFAULT_PAGE_SIZE: u32 = 100;
/// Entries of a page at most.
pub const MAX_PAGE_SIZE: u32 = 1_000;
/// Bytes in a filter expression.
pub const FILTER_BYTES: usize = 16 * 1024;
