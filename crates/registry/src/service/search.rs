//! SearchVersions and SearchModels.

use herdbook_core::{PageToken, WorkspaceId};
use herdbook_filter::{Filter, Order, ParseError, Vocabulary, parse_filter, parse_order};
use herdbook_proto::{InvalidRequest, fields, registry::v1 as proto};
use herdbook_rpc::Caller;

use super::{models::ModelApi, versions::VersionApi};
use crate::{
    RegistryError, convert,
    search::{Catalogue, Found, Part, Place},
    store::Store,
};

/// Orders of one search.
const ORDERS: usize = 5;

/// Finds a part of what a filter lets through, in an order.
type Find<F> = fn(&Catalogue, Option<&Filter<F>>, &[Order<F>], &Part) -> Found;

/// What is searched for, and which page of it.
struct Question<F> {
    filter: Option<Filter<F>>,
    /// The last is that the newest come first.
    orders: Vec<Order<F>>,
    part: Part,
    /// What the page token is bound to.
    query: String,
}

/// Which page is asked for.
struct Page<'a> {
    size: u32,
    token: &'a str,
    skip: u32,
}

impl<F: Vocabulary + Send + 'static> Question<F> {
    fn read(filter: &str, order_by: &[String], page: Page<'_>) -> Result<Self, RegistryError> {
        let query = format!("{} {filter:?} {order_by:?}", F::THINGS);
        if order_by.len() > ORDERS {
            let what = format!("has {} entries; at most {ORDERS} are taken", order_by.len());
            return Err(InvalidRequest::field("order_by", what).into());
        }
        let unread = |field: String| move |error: ParseError| RegistryError::Query { field, error };
        let orders = order_by
            .iter()
            .enumerate()
            .map(|(index, text)| parse_order(text).map_err(unread(format!("order_by[{index}]"))));
        let mut orders = orders.collect::<Result<Vec<_>, _>>()?;
        let created = F::attribute("created_at");
        orders.extend(created.map(|field| Order {
            field,
            as_text: false,
            descending: true,
        }));
        Ok(Self {
            filter: parse_filter(filter).map_err(unread("filter".to_owned()))?,
            orders,
            part: Part {
                after: PageToken::decode(page.token, &query)?,
                skip: fields::skip(page.skip)?,
                // One more, which tells whether there is a next page.
                limit: fields::page_size(page.size)? + 1,
            },
            query,
        })
    }

    /// A page of what `find` gives of it, with how many there are on all pages, and the token of the next.
    async fn page(
        self,
        store: &Store,
        workspace: WorkspaceId,
        find: Find<F>,
    ) -> Result<(Found, String), RegistryError> {
        let Self {
            filter,
            orders,
            part,
            query,
        } = self;
        let size = part.limit - 1;
        let mut found = store
            .search(workspace, move |catalogue| {
                find(catalogue, filter.as_ref(), &orders, &part)
            })
            .await?;
        let token = PageToken::cut(&mut found.first, size, &query, Place::clone);
        Ok((found, token))
    }
}

impl VersionApi {
    pub(super) async fn search(
        &self,
        caller: &Caller,
        request: proto::SearchVersionsRequest,
    ) -> Result<proto::SearchVersionsResponse, RegistryError> {
        let proto::SearchVersionsRequest {
            filter,
            order_by,
            page_size,
            page_token,
            skip,
        } = request;
        let page = Page {
            size: page_size,
            token: &page_token,
            skip,
        };
        let question = Question::read(&filter, &order_by, page)?;
        let (found, next_page_token) = question
            .page(&self.store, caller.workspace, Catalogue::find_versions)
            .await?;
        let keys: Vec<_> = found.first.iter().map(|place| place.key).collect();
        let versions = self.store.versions_of(&keys).await?;
        let mut aliases = self.store.aliases_of(&keys).await?;
        let versions = versions.into_iter().map(|(key, version)| {
            convert::to_version(version, aliases.remove(&key).unwrap_or_default())
        });
        Ok(proto::SearchVersionsResponse {
            versions: versions.collect(),
            next_page_token,
        })
    }
}

impl ModelApi {
    pub(super) async fn search(
        &self,
        caller: &Caller,
        request: proto::SearchModelsRequest,
    ) -> Result<proto::SearchModelsResponse, RegistryError> {
        let proto::SearchModelsRequest {
            filter,
            order_by,
            page_size,
            page_token,
            newest_versions,
            count,
            skip,
        } = request;
        let page = Page {
            size: page_size,
            token: &page_token,
            skip,
        };
        let question = Question::read(&filter, &order_by, page)?;
        let (found, next_page_token) = question
            .page(&self.store, caller.workspace, Catalogue::find_models)
            .await?;
        let keys: Vec<i64> = found.first.iter().map(|place| place.key.0).collect();
        let models = self.store.models_of(&keys).await?;
        let keys: Vec<i64> = models.iter().map(|model| model.key).collect();
        let contents = self.store.contents(&keys).await?;
        let models = models.into_iter().map(|model| {
            let of_model = contents.get(&model.key);
            convert::to_model(model, of_model)
        });
        let mut models: Vec<proto::Model> = models.collect();
        if newest_versions {
            self.add_newest(&keys, &mut models).await?;
        }
        Ok(proto::SearchModelsResponse {
            models,
            next_page_token,
            total: count.then(|| found.total.try_into().unwrap_or(i64::MAX)),
        })
    }
}
