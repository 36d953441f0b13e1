"""Workspaces, who works in them, and tokens."""

from example import Example

ANAS_TOKEN = "hbk_anas_secret"
ANAS_TOKEN_ID = "01a20dcd724a72c9a94c50ddad4d7400"

BEGIN = [
    Example("AccessService/GetCaller", {}),
    Example("AccessService/CreateWorkspace", {"name": "risk-ml", "description": "Cards and loans"}),
    Example("AccessService/ListWorkspaces", {}),
    Example("AccessService/CreatePrincipal", {"name": "ana", "kind": "PRINCIPAL_KIND_PERSON", "role": "ROLE_CONTRIBUTOR"}),
    Example("AccessService/ListPrincipals", {}),
    Example("AccessService/GrantRole", {"principal": "ana", "role": "ROLE_APPROVER"}),
    Example(
        "AccessService/CreateToken",
        {"principal": "ana", "name": "laptop", "expires_at": "2036-01-01T00:00:00Z"},
        keeps={ANAS_TOKEN: "secret", ANAS_TOKEN_ID: "token.id"},
    ),
    Example("AccessService/ListTokens", {}),
]

END = [
    Example("AccessService/RevokeToken", {"id": ANAS_TOKEN_ID}),
    Example("AccessService/RevokeRole", {"principal": "ana"}),
    Example("AccessService/ListAccessChanges", {"page_size": 20}),
]
