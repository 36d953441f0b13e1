//! The contract: code generated from `proto/`, its descriptor set, and the helpers with which
//! requests are read field by field.

mod call;
pub mod fields;
mod invalid;
pub mod json;
pub mod time;

pub use call::{Call, Transport};
pub use invalid::{InvalidRequest, Violations};

/// Descriptors of all files of the contract and what they import, encoded as a
/// `google.protobuf.FileDescriptorSet`, with comments and custom options.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));

/// Declares the modules of a package as its name is written, with the lints that generated code
/// cannot keep switched off.
macro_rules! package {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        pub mod $name {
            /// Version 1.
            #[allow(clippy::all, missing_docs, unreachable_pub)]
            pub mod v1 {
                include!(concat!(
                    env!("OUT_DIR"),
                    "/herdbook.",
                    stringify!($name),
                    ".v1.rs"
                ));
            }
        }
    };
}

package!(
    access,
    "`herdbook.access`: workspaces, principals, roles, tokens."
);
package!(common, "`herdbook.common`: what several domains share.");
package!(
    lineage,
    "`herdbook.lineage`: the graph of what came from what."
);
package!(
    registry,
    "`herdbook.registry`: models, versions, stages, transitions."
);
package!(
    team,
    "`herdbook.team`: comments, reports, activity, views, preferences."
);
package!(
    tracking,
    "`herdbook.tracking`: experiments, runs, metrics, artifacts."
);
