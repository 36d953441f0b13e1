//! Buckets of the clouds.

use std::sync::Arc;

use object_store::{
    Error, ObjectStore, ObjectStoreScheme, aws::AmazonS3Builder, azure::MicrosoftAzureBuilder,
    gcp::GoogleCloudStorageBuilder, path::Path, signer::Signer,
};
use reqwest::Url;

/// A bucket.
pub(crate) struct Bucket {
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// The same, as it makes URLs.
    pub(crate) signer: Arc<dyn Signer>,
    /// What stands before the names of objects in it.
    pub(crate) root: Path,
}

impl Bucket {
    fn new(bucket: impl ObjectStore + Signer, root: Path) -> Self {
        let bucket = Arc::new(bucket);
        Self {
            objects: bucket.clone(),
            signer: bucket,
            root,
        }
    }
}

/// A builder with all the variables of the environment that it knows.
macro_rules! configured {
    ($builder:ty, $url:expr) => {
        std::env::vars()
            .filter_map(|(name, value)| Some((name.to_lowercase().parse().ok()?, value)))
            .fold(
                <$builder>::new().with_url($url.as_str()),
                |builder, (key, value)| builder.with_config(key, value),
            )
            .build()
    };
}

/// Opens the bucket at `url`.
pub(crate) fn open(url: &Url) -> Result<Bucket, Error> {
    let (scheme, path) = ObjectStoreScheme::parse(url)?;
    let root = Path::parse(path)?;
    Ok(match scheme {
        ObjectStoreScheme::AmazonS3 => Bucket::new(configured!(AmazonS3Builder, url)?, root),
        ObjectStoreScheme::GoogleCloudStorage => {
            Bucket::new(configured!(GoogleCloudStorageBuilder, url)?, root)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            Bucket::new(configured!(MicrosoftAzureBuilder, url)?, root)
        }
        other => {
            return Err(Error::NotSupported {
                source: format!("{other:?} is no bucket").into(),
            });
        }
    })
}
