"""The five rules that come with the guard: a guess at which paths are worth a limit.

Shadow by default, like all that the guard guesses; `rate_limit.builtin_rules` says otherwise. All are kept by ip.
"""

from __future__ import annotations

from wsgi_guard.settings.sections import Limit, RuleSection

HOUR = 3600

BUILTIN: tuple[RuleSection, ...] = (
    RuleSection(
        name="api_general",
        path=("/api/{rest+}",),
        limit=(Limit(1000, HOUR),),
    ),
    RuleSection(
        name="authentication",
        path=(
            "/login", "/signin", "/sign-in", "/signup", "/sign-up", "/register", "/oauth/token", "/token",
            "/auth/{rest+}", "/accounts/login", "/accounts/signup", "/account/login", "/users/sign_in", "/user/login",
            "/admin/login", "/api/login", "/api/signin", "/api/register", "/api/token", "/api/auth/{rest+}",
            "/api/{version}/login", "/api/{version}/token", "/api/{version}/auth/{rest+}",
            "/password/reset", "/password-reset", "/reset-password", "/forgot-password",
            "/accounts/password/reset", "/accounts/password_reset", "/api/password/reset",
        ),
        methods=("POST",),
        limit=(Limit(10, 300),),
    ),
    RuleSection(
        name="file_upload",
        path=(
            "/upload", "/uploads", "/upload/{rest+}", "/uploads/{rest+}",
            "/api/upload", "/api/uploads", "/api/upload/{rest+}", "/api/uploads/{rest+}",
            "/api/{version}/upload", "/api/{version}/uploads",
        ),
        methods=("POST", "PUT"),
        limit=(Limit(50, HOUR),),
    ),
    RuleSection(
        name="ai_processing",
        path=(
            "/ai/{rest+}", "/api/ai/{rest+}", "/api/{version}/ai/{rest+}",
            "/api/chat", "/api/completions", "/api/generate", "/v1/chat/completions", "/v1/completions",
        ),
        methods=("POST",),
        limit=(Limit(20, HOUR),),
    ),
    RuleSection(
        name="admin",
        path=("/admin", "/admin/{rest+}", "/api/admin", "/api/admin/{rest+}"),
        limit=(Limit(100, HOUR),),
    ),
)  # fmt: skip


def markdown_table() -> str:
    """The rules as the README prints them."""
    rows = ["| rule | limit | methods | paths |", "|---|---|---|---|"]
    for rule in BUILTIN:
        methods = ", ".join(rule.methods) or "all"
        paths = ", ".join(f"`{path}`" for path in rule.path or ())
        limits = ", ".join(f"{limit.quantity} per {_time(limit.window)}" for limit in rule.limit)
        rows.append(f"| `{rule.name}` | {limits} | {methods} | {paths} |")
    return "\n".join(rows) + "\n"


def _time(seconds: int) -> str:
    return "hour" if seconds == HOUR else f"{seconds // 60} minutes"
