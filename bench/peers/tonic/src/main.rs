//! tonic on one thread, which is its fastest on the one core that it is given.
//!
//! usage: peer SOCKET

use csi::identity_server::{Identity, IdentityServer};
use csi::plugin_capability::{service, volume_expansion, Service, Type, VolumeExpansion};
use csi::*;
use std::collections::HashMap;
use tonic::{Request, Response, Status};

#[allow(clippy::all)]
mod csi {
    tonic::include_proto!("csi.v1");
}

struct Peer;

fn capability(kind: Type) -> PluginCapability {
    PluginCapability { r#type: Some(kind) }
}

fn service(kind: service::Type) -> PluginCapability {
    capability(Type::Service(Service { r#type: kind.into() }))
}

fn expansion(kind: volume_expansion::Type) -> PluginCapability {
    capability(Type::VolumeExpansion(VolumeExpansion { r#type: kind.into() }))
}

#[tonic::async_trait]
impl Identity for Peer {
    async fn get_plugin_info(
        &self,
        _: Request<GetPluginInfoRequest>,
    ) -> Result<Response<GetPluginInfoResponse>, Status> {
        Ok(Response::new(GetPluginInfoResponse {
            name: "bench.csi.example.com".into(),
            vendor_version: "1.0.0".into(),
            manifest: HashMap::from([
                ("build".into(), "2026".into()),
                ("commit".into(), "d670460".into()),
            ]),
        }))
    }

    async fn probe(&self, _: Request<ProbeRequest>) -> Result<Response<ProbeResponse>, Status> {
        Ok(Response::new(ProbeResponse { ready: Some(true) }))
    }

    async fn get_plugin_capabilities(
        &self,
        _: Request<GetPluginCapabilitiesRequest>,
    ) -> Result<Response<GetPluginCapabilitiesResponse>, Status> {
        Ok(Response::new(GetPluginCapabilitiesResponse {
            capabilities: vec![
                service(service::Type::ControllerService),
                service(service::Type::VolumeAccessibilityConstraints),
                expansion(volume_expansion::Type::Online),
            ],
        }))
    }
}

async fn serve(socket: &str) -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::UnixListener::bind(socket)?;
    tonic::transport::Server::builder()
        .add_service(IdentityServer::new(Peer))
        .serve_with_incoming(tokio_stream::wrappers::UnixListenerStream::new(listener))
        .await?;
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket = std::env::args().nth(1).ok_or("usage: peer SOCKET")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(&socket))
}
