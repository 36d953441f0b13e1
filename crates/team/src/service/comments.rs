//! Comments and mentions.

use herdbook_core::{PageToken, check_text};
use herdbook_proto::{
    Violations, fields,
    team::v1::{self as proto, comment_service_server::CommentService},
    time::to_timestamp,
};
use herdbook_rpc::{Caller, Role, answer};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    TeamError, mention,
    peers::Peers,
    store::{
        Place, Store,
        comments::{Comment, NewComment},
    },
    subject::Subject,
};

pub(crate) struct CommentApi {
    store: Store,
    peers: Peers,
}

impl CommentApi {
    pub(crate) fn new(store: Store, peers: Peers) -> Self {
        Self { store, peers }
    }

    async fn mentioned(&self, caller: &Caller, text: &str) -> Result<Vec<String>, TeamError> {
        let names = mention::candidates(text);
        self.peers.members_among(caller, &names).await
    }

    async fn create(
        &self,
        caller: &Caller,
        request: proto::CreateCommentRequest,
    ) -> Result<proto::CreateCommentResponse, TeamError> {
        let mut violations = Violations::default();
        let subject = Subject::read(request.subject, &mut violations);
        check_said(&request.text, &mut violations);
        let request_id = fields::request_id(request.request_id, &mut violations);
        violations.finish()?;
        let subject = subject.ok_or_else(Subject::missing)?;
        self.peers
            .check_subject(&self.store, caller, &subject)
            .await?;
        let mentions = self.mentioned(caller, &request.text).await?;
        let new = NewComment {
            subject: &subject,
            text: &request.text,
            mentions: &mentions,
            request_id: request_id.as_deref(),
        };
        let comment = self.store.create_comment(caller, new).await?;
        Ok(proto::CreateCommentResponse {
            comment: Some(to_proto(comment)),
        })
    }

    async fn update(
        &self,
        caller: &Caller,
        request: proto::UpdateCommentRequest,
    ) -> Result<proto::UpdateCommentResponse, TeamError> {
        let mut violations = Violations::default();
        check_said(&request.text, &mut violations);
        violations.finish()?;
        let id = comment_id(&request.id)?;
        let mentions = self.mentioned(caller, &request.text).await?;
        let own = |comment: &Comment| match is_of(comment, caller) {
            true => Ok(()),
            false => Err(TeamError::NotAuthor(comment.author.clone())),
        };
        let comment = self
            .store
            .update_comment(caller.workspace, id, &request.text, &mentions, own)
            .await?;
        Ok(proto::UpdateCommentResponse {
            comment: Some(to_proto(comment)),
        })
    }

    async fn delete(
        &self,
        caller: &Caller,
        request: proto::DeleteCommentRequest,
    ) -> Result<proto::DeleteCommentResponse, TeamError> {
        let id = comment_id(&request.id)?;
        let may = |comment: &Comment| match is_of(comment, caller) || caller.role == Role::Admin {
            true => Ok(()),
            false => Err(TeamError::NotAuthor(comment.author.clone())),
        };
        let comment = self.store.delete_comment(caller.workspace, id, may).await?;
        Ok(proto::DeleteCommentResponse {
            comment: Some(to_proto(comment)),
        })
    }

    async fn list(
        &self,
        caller: &Caller,
        request: proto::ListCommentsRequest,
    ) -> Result<proto::ListCommentsResponse, TeamError> {
        let subject = Subject::required(request.subject)?;
        let size = fields::page_size(request.page_size)?;
        let query = format!("comments {} {}", subject.word(), subject.name());
        let after = PageToken::<Place>::decode(&request.page_token, &query)?;
        let mut found = self
            .store
            .comments(caller.workspace, &subject, after, size + 1)
            .await?;
        let next_page_token = PageToken::cut(&mut found, size, &query, Comment::place);
        Ok(proto::ListCommentsResponse {
            comments: found.into_iter().map(to_proto).collect(),
            next_page_token,
        })
    }

    async fn list_mentions(
        &self,
        caller: &Caller,
        request: &proto::ListMentionsRequest,
    ) -> Result<proto::ListMentionsResponse, TeamError> {
        let size = fields::page_size(request.page_size)?;
        let before = PageToken::<Place>::decode(&request.page_token, "mentions")?;
        let mut found = self
            .store
            .mentions(caller.workspace, &caller.name, before, size + 1)
            .await?;
        let next_page_token = PageToken::cut(&mut found, size, "mentions", Comment::place);
        Ok(proto::ListMentionsResponse {
            comments: found.into_iter().map(to_proto).collect(),
            next_page_token,
        })
    }
}

fn check_said(text: &str, violations: &mut Violations) {
    if text.trim().is_empty() {
        violations.add("text", "must say something");
    }
    violations.check("text", check_text(text));
}

fn comment_id(id: &str) -> Result<Uuid, TeamError> {
    Uuid::try_parse(id).map_err(|_| TeamError::CommentNotFound(id.chars().take(64).collect()))
}

fn is_of(comment: &Comment, caller: &Caller) -> bool {
    comment.author_id == caller.principal.as_uuid()
}

pub(crate) fn to_proto(comment: Comment) -> proto::Comment {
    let subject = proto::Subject {
        kind: comment.subject_kind.into(),
        name: comment.subject,
    };
    proto::Comment {
        id: comment.id.simple().to_string(),
        subject: Some(subject),
        author: comment.author,
        text: comment.text,
        mentions: comment.mentions,
        created_at: Some(to_timestamp(comment.created_at)),
        edited_at: comment.edited_at.map(to_timestamp),
        deleted_at: comment.deleted_at.map(to_timestamp),
    }
}

#[tonic::async_trait]
impl CommentService for CommentApi {
    async fn create_comment(
        &self,
        request: Request<proto::CreateCommentRequest>,
    ) -> Result<Response<proto::CreateCommentResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.create(&caller, request.into_inner()).await)
    }

    async fn update_comment(
        &self,
        request: Request<proto::UpdateCommentRequest>,
    ) -> Result<Response<proto::UpdateCommentResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.update(&caller, request.into_inner()).await)
    }

    async fn delete_comment(
        &self,
        request: Request<proto::DeleteCommentRequest>,
    ) -> Result<Response<proto::DeleteCommentResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.delete(&caller, request.into_inner()).await)
    }

    async fn list_comments(
        &self,
        request: Request<proto::ListCommentsRequest>,
    ) -> Result<Response<proto::ListCommentsResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.list(&caller, request.into_inner()).await)
    }

    async fn list_mentions(
        &self,
        request: Request<proto::ListMentionsRequest>,
    ) -> Result<Response<proto::ListMentionsResponse>, Status> {
        let caller = Caller::of(&request)?;
        answer(self.list_mentions(&caller, request.get_ref()).await)
    }
}
