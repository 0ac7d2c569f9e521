//! The table of routes and the router made of it.

use super::auth::Access;
use super::problem::Refused;
use super::{auth, drift, edge, health, operations, prefix, stores, tunnel};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use std::any::Any;
use std::fmt;
use std::time::Duration;
use storex_core::{Code, Controller, Error};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

/// Longest time an ordinary answer takes.
const USUAL: Duration = Duration::from_secs(30);
/// Longest time an answer takes that waits up to a minute, or looks at many things outside.
const LONG_POLL: Duration = Duration::from_secs(70);

/// A row of the table of routes.
#[non_exhaustive]
pub struct Route {
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// Methods it answers; `GET` includes `HEAD`.
    pub methods: &'static [&'static str],
    /// True when it needs no token.
    pub open: bool,
    limit: Duration,
    handlers: fn() -> MethodRouter<Controller>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.methods, self.path)
    }
}

/// Every route of the API. The router is made of this table and of nothing else; a route that is not marked open needs the token.
pub const ROUTES: &[Route] = &[
    Route {
        path: "/api/stores",
        methods: &["GET", "POST"],
        open: false,
        limit: USUAL,
        handlers: || get(stores::list).post(stores::create),
    },
    Route {
        path: "/api/stores/{id}",
        methods: &["GET", "DELETE"],
        open: false,
        limit: USUAL,
        handlers: || get(stores::show).delete(stores::delete),
    },
    Route { path: "/api/stores/{id}/cache/purge", methods: &["POST"], open: false, limit: USUAL, handlers: || post(edge::purge) },
    Route {
        path: "/api/stores/{id}/certificate/reissue",
        methods: &["POST"],
        open: false,
        limit: USUAL,
        handlers: || post(edge::reissue),
    },
    Route { path: "/api/stores/{id}/insight", methods: &["GET"], open: false, limit: USUAL, handlers: || get(edge::insight) },
    Route { path: "/api/operations", methods: &["GET"], open: false, limit: USUAL, handlers: || get(operations::find) },
    Route { path: "/api/operations/{id}", methods: &["GET"], open: false, limit: LONG_POLL, handlers: || get(operations::show) },
    Route {
        path: "/api/operations/{id}/cancel",
        methods: &["POST"],
        open: false,
        limit: USUAL,
        handlers: || post(operations::cancel),
    },
    Route {
        path: "/api/operations/{id}/retry",
        methods: &["POST"],
        open: false,
        limit: USUAL,
        handlers: || post(operations::retry),
    },
    Route { path: "/api/drift", methods: &["GET"], open: false, limit: LONG_POLL, handlers: || get(drift::show) },
    Route { path: "/api/reconcile", methods: &["POST"], open: false, limit: LONG_POLL, handlers: || post(drift::reconcile) },
    Route { path: "/api/tunnel/connectors", methods: &["GET"], open: false, limit: USUAL, handlers: || get(tunnel::show) },
    Route {
        path: "/api/tunnel/connectors/{id}/reset",
        methods: &["POST"],
        open: false,
        limit: USUAL,
        handlers: || post(tunnel::reset),
    },
    Route { path: "/healthz", methods: &["GET"], open: true, limit: USUAL, handlers: || get(health::alive) },
    Route { path: "/readyz", methods: &["GET"], open: true, limit: USUAL, handlers: || get(health::ready) },
    Route { path: "/problems/{code}", methods: &["GET"], open: true, limit: USUAL, handlers: || get(health::problem) },
];

/// The REST API of a controller: for those who know a token, or for whom the host program lets in ([`Access::HostAuthenticates`]).
///
/// Every answer that is no data is a problem document: unknown routes, wrong methods and panics too. Answers are not to be cached.
///
/// It mounts in any axum program by `nest`: addresses in answers then carry the prefix. What the host puts around it (authentication, tracing,
/// metrics) applies to it like to its own routes; spans go to the host's subscriber. It installs nothing.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> storex_core::Result<()> {
/// use storex_server::{ApiToken, router};
///
/// let controller = storex_fakes::sandbox().await?;
/// let token: ApiToken = "stx_0123456789abcdef0123456789abcdef".parse()?;
/// let app: axum::Router = axum::Router::new().nest("/shops", router(controller, token));
/// # let _ = app;
/// # Ok(())
/// # }
/// ```
///
/// # Cancellation
/// A caller who hangs up ends a read; a call with an effect goes on.
pub fn router(controller: Controller, access: impl Into<Access>) -> Router {
    let (mut open, mut closed) = (Router::new(), Router::new());
    for route in ROUTES {
        let limited = (route.handlers)().layer(middleware::from_fn_with_state(route.limit, within));
        let side = if route.open { &mut open } else { &mut closed };
        *side = std::mem::take(side).route(route.path, limited);
    }
    around(open.with_state(controller.clone()), closed.with_state(controller), access.into())
}

/// Puts what holds for every route around the routes, and the access around those that are closed.
fn around(open: Router, closed: Router, access: Access) -> Router {
    let closed =
        closed.method_not_allowed_fallback(wrong_method).layer(middleware::from_fn_with_state(access.clone(), auth::check));
    open.method_not_allowed_fallback(wrong_method)
        .merge(closed)
        .fallback(move |request: Request| std::future::ready(unknown(&access, &request)))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(prefix::carry))
        .layer(SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .layer(SetResponseHeaderLayer::if_not_present(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .layer(TraceLayer::new_for_http())
}

/// Ends a request that takes too long.
async fn within(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        let why = format!("no answer within {} seconds; what was asked for may go on", limit.as_secs());
        Refused(Error::unclear(Code::Timeout, why)).into_response()
    })
}

/// An address without a route needs what lets a request in below `/api`, so that nobody else learns which there are.
fn unknown(access: &Access, request: &Request) -> Refused {
    let path = request.uri().path();
    if path.split('/').nth(1) == Some("api")
        && let Err(error) = access.admit(request.headers())
    {
        return Refused(error);
    }
    let path: String = path.chars().take(200).collect();
    Refused(Error::new(Code::NotFound, format!("there is no route {path}")))
}

async fn wrong_method(method: Method, uri: Uri) -> Refused {
    let path: String = uri.path().chars().take(200).collect();
    Refused(Error::new(Code::MethodNotAllowed, format!("{path} does not answer {method}")))
}

/// Tells nothing of the panic; the panic hook has told the log.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    Refused(Error::unclear(Code::Internal, "the request ended in a defect of storex")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ApiToken;
    use axum::body::Body;
    use axum::http::StatusCode;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    async fn answer(open: Router, closed: Router, path: &str) -> (StatusCode, String) {
        let token: ApiToken = format!("stx_{}", "0".repeat(64)).parse().unwrap();
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = around(open, closed, token.into()).oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    /// An open path of the table, so that no token is needed.
    const OPEN: &str = "/healthz";

    #[tokio::test]
    async fn a_panic_becomes_a_problem_that_tells_nothing_of_it() {
        async fn defect() -> &'static str {
            panic!("the secret is 42")
        }
        let (status, body) = answer(Router::new().route(OPEN, get(defect)), Router::new(), OPEN).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(body.contains(r#""code":"internal""#) && !body.contains("secret"), "{body}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_takes_too_long_ends_with_a_problem() {
        let never = get(std::future::pending::<&'static str>);
        let limited = never.layer(middleware::from_fn_with_state(USUAL, within));
        let (status, body) = answer(Router::new().route(OPEN, limited), Router::new(), OPEN).await;
        assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
        assert!(body.contains(r#""unclear":true"#), "{body}");
    }

    #[tokio::test]
    async fn a_closed_route_asks_for_the_token_whatever_its_path_and_an_unknown_address_only_below_api() {
        let closed = || Router::new().route("/secret", get(|| async { "x" }));
        for (path, wanted) in [("/secret", 401), ("/api/unknown", 401), ("/unknown", 404)] {
            assert_eq!(answer(Router::new(), closed(), path).await.0, wanted, "{path}");
        }
    }
}
