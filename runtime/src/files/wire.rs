//! How requests to a bucket go over the wire: HTTP/1.1 with TLS by rustls and ring, which the database drivers bring along
//! anyway. The client that `object_store` would choose itself needs a second TLS provider, built with a C toolchain.

use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector as Connect, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};
use rustls::ClientConfig;
use rustls::crypto::ring;
use std::sync::Arc;
use std::time::Duration;

/// A bucket that does not even answer a call is not there.
const CONNECTING: Duration = Duration::from_secs(5);
/// For one request until its answer begins: a part of an upload on a slow line.
const ANSWERING: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Wire;

impl Connect for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let failed = |source| object_store::Error::Generic { store: "S3", source };
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(Box::new(error)))?
            .with_webpki_roots()
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECTING));
        tcp.set_nodelay(true);
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
        Ok(HttpClient::new(Line(Client::builder(TokioExecutor::new()).build(connector))))
    }
}

#[derive(Debug)]
struct Line(Client<HttpsConnector<HttpConnector>, HttpRequestBody>);

impl HttpService for Line {
    fn call<'line, 'answer>(&'line self, request: HttpRequest) -> BoxFuture<'answer, Result<HttpResponse, HttpError>>
    where
        'line: 'answer,
        Self: 'answer,
    {
        Box::pin(async move {
            let answered = tokio::time::timeout(ANSWERING, self.0.request(request)).await;
            let response = match answered {
                Ok(Ok(response)) => response,
                Ok(Err(error)) if error.is_connect() => return Err(HttpError::new(HttpErrorKind::Connect, error)),
                Ok(Err(error)) => return Err(HttpError::new(HttpErrorKind::Request, error)),
                Err(late) => return Err(HttpError::new(HttpErrorKind::Timeout, late)),
            };
            let (head, body) = response.into_parts();
            let body = body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error));
            Ok(HttpResponse::from_parts(head, HttpResponseBody::new(body)))
        })
    }
}
