//! `herdbook workspaces`.

mod quota;

use clap::{Subcommand, ValueEnum};
use herdbook_proto::{
    access::v1::{
        CreatePrincipalRequest, CreateWorkspaceRequest, GetCallerRequest, GrantRoleRequest,
        ListPrincipalsRequest, ListWorkspacesRequest, Principal, PrincipalKind, RevokeRoleRequest,
        Workspace, access_service_client::AccessServiceClient,
    },
    common::v1::Role as ProtoRole,
};

use crate::{cli::ClientOptions, connection::connect, exit::Failure, output};

const WORKSPACE: &str = "herdbook.access.v1.Workspace";
const PRINCIPAL: &str = "herdbook.access.v1.Principal";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the workspaces you have a role in.
    ///
    /// Example: herdbook workspaces list
    List,
    /// Create a workspace and become its admin.
    ///
    /// Example: herdbook workspaces create risk-ml --description "Cards and loans"
    Create {
        /// Its name.
        name: String,
        /// What it is for.
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Say who the server takes you for.
    ///
    /// Example: herdbook workspaces whoami
    Whoami,
    /// List who works in the workspace.
    ///
    /// Example: herdbook workspaces members
    Members,
    /// Add a person or a service account to the workspace.
    ///
    /// Example: herdbook workspaces add ci-pipeline contributor --service
    Add {
        /// The name.
        principal: String,
        /// The role.
        role: Role,
        /// It is a program, not a person.
        #[arg(long)]
        service: bool,
    },
    /// Give somebody who is known a role, in place of the one they had.
    ///
    /// Example: herdbook workspaces grant ana approver
    Grant {
        /// The name.
        principal: String,
        /// The role.
        role: Role,
    },
    /// Take somebody's role away.
    ///
    /// Example: herdbook workspaces revoke ana
    Revoke {
        /// The name.
        principal: String,
    },
    /// Show how many runs, points and bytes the workspace has, and may have.
    ///
    /// Example: herdbook workspaces usage
    Usage,
    Quota(quota::QuotaCommand),
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Read.
    Viewer,
    /// Log, register, record.
    Contributor,
    /// Pass rules that ask for an approver.
    Approver,
    /// Manage.
    Admin,
}

impl From<Role> for i32 {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => ProtoRole::Viewer,
            Role::Contributor => ProtoRole::Contributor,
            Role::Approver => ProtoRole::Approver,
            Role::Admin => ProtoRole::Admin,
        }
        .into()
    }
}

pub(crate) async fn run(options: ClientOptions, command: Command) -> Result<(), Failure> {
    let mut client = AccessServiceClient::new(connect(&options).await?);
    let output = options.output;
    match command {
        Command::List => {
            let found = client
                .list_workspaces(ListWorkspacesRequest {})
                .await?
                .into_inner();
            output::print(
                output,
                "herdbook.access.v1.ListWorkspacesResponse",
                &found,
                |found| {
                    let row = |workspace: &Workspace| {
                        let created = output::ago(workspace.created_at.as_ref());
                        vec![
                            workspace.name.clone(),
                            workspace.description.clone(),
                            created,
                        ]
                    };
                    output::table(
                        &["name", "description", "created"],
                        found.workspaces.iter().map(row),
                    )
                },
            )
        }
        Command::Create { name, description } => {
            let request = CreateWorkspaceRequest { name, description };
            let made = client
                .create_workspace(request)
                .await?
                .into_inner()
                .workspace;
            output::print(output, WORKSPACE, &made.unwrap_or_default(), |w| {
                w.name.clone()
            })
        }
        Command::Whoami => {
            let caller = client.get_caller(GetCallerRequest {}).await?.into_inner();
            output::print(
                output,
                "herdbook.access.v1.GetCallerResponse",
                &caller,
                |caller| {
                    let role = output::name(caller.role().as_str_name(), "ROLE_");
                    format!("{}, {role} in {}", caller.principal, caller.workspace)
                },
            )
        }
        Command::Members => {
            let found = client
                .list_principals(ListPrincipalsRequest {})
                .await?
                .into_inner();
            output::print(
                output,
                "herdbook.access.v1.ListPrincipalsResponse",
                &found,
                |found| {
                    let header = ["name", "kind", "role", "created"];
                    output::table(&header, found.principals.iter().map(row))
                },
            )
        }
        Command::Add {
            principal,
            role,
            service,
        } => {
            let kind = if service {
                PrincipalKind::Service
            } else {
                PrincipalKind::Person
            };
            let request = CreatePrincipalRequest {
                name: principal,
                kind: kind.into(),
                role: role.into(),
            };
            let made = client
                .create_principal(request)
                .await?
                .into_inner()
                .principal;
            output::print(output, PRINCIPAL, &made.unwrap_or_default(), |p| {
                row(p).join("  ")
            })
        }
        Command::Grant { principal, role } => {
            let request = GrantRoleRequest {
                principal,
                role: role.into(),
            };
            let granted = client.grant_role(request).await?.into_inner().principal;
            output::print(output, PRINCIPAL, &granted.unwrap_or_default(), |p| {
                row(p).join("  ")
            })
        }
        Command::Usage => quota::usage(&options).await,
        Command::Quota(command) => quota::set(&options, command).await,
        Command::Revoke { principal } => {
            client.revoke_role(RevokeRoleRequest { principal }).await?;
            Ok(())
        }
    }
}

fn row(principal: &Principal) -> Vec<String> {
    let kind = output::name(principal.kind().as_str_name(), "PRINCIPAL_KIND_");
    let role = output::name(principal.role().as_str_name(), "ROLE_");
    vec![
        principal.name.clone(),
        kind,
        role,
        output::ago(principal.created_at.as_ref()),
    ]
}
