// C++ gRPC with its asynchronous interface, as its own examples use it: generated service and
// messages, one completion queue, one thread, several calls of each method waited for.
//
// usage: peer SOCKET
#include "csi.grpc.pb.h"

#include <grpcpp/grpcpp.h>
#include <iostream>

namespace
{

using csi::v1::Identity;

constexpr int kArmed = 8;

class Step
{
  public:
    virtual ~Step() = default;
    virtual void Proceed(bool ok) = 0;
};

// One call of one method, from waiting to sent. Base is the part of the service that has the
// method.
template <typename Base, typename Request, typename Reply> class Call final : public Step
{
  public:
    using Wait = void (Base::*)(grpc::ServerContext *, Request *,
                                grpc::ServerAsyncResponseWriter<Reply> *, grpc::CompletionQueue *,
                                grpc::ServerCompletionQueue *, void *);
    using Fill = void (*)(Reply *);

    Call(Identity::AsyncService *service, grpc::ServerCompletionQueue *queue, Wait wait, Fill fill)
        : service_(service), queue_(queue), wait_(wait), fill_(fill), writer_(&context_)
    {
        (service_->*wait_)(&context_, &request_, &writer_, queue_, queue_, this);
    }

    void Proceed(bool ok) override
    {
        if (answered_ || !ok) {
            delete this;
            return;
        }
        new Call(service_, queue_, wait_, fill_);
        Reply reply;
        fill_(&reply);
        answered_ = true;
        writer_.Finish(reply, grpc::Status::OK, this);
    }

  private:
    Identity::AsyncService *service_;
    grpc::ServerCompletionQueue *queue_;
    Wait wait_;
    Fill fill_;
    grpc::ServerContext context_;
    Request request_;
    grpc::ServerAsyncResponseWriter<Reply> writer_;
    bool answered_ = false;
};

void FillInfo(csi::v1::GetPluginInfoResponse *reply)
{
    reply->set_name("bench.csi.example.com");
    reply->set_vendor_version("1.0.0");
    (*reply->mutable_manifest())["build"] = "2026";
    (*reply->mutable_manifest())["commit"] = "d670460";
}

void FillProbe(csi::v1::ProbeResponse *reply)
{
    reply->mutable_ready()->set_value(true);
}

void FillCapabilities(csi::v1::GetPluginCapabilitiesResponse *reply)
{
    using csi::v1::PluginCapability;
    reply->add_capabilities()->mutable_service()->set_type(
        PluginCapability::Service::CONTROLLER_SERVICE);
    reply->add_capabilities()->mutable_service()->set_type(
        PluginCapability::Service::VOLUME_ACCESSIBILITY_CONSTRAINTS);
    reply->add_capabilities()->mutable_volume_expansion()->set_type(
        PluginCapability::VolumeExpansion::ONLINE);
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::cerr << "usage: peer SOCKET\n";
        return 2;
    }
    Identity::AsyncService service;
    grpc::ServerBuilder builder;
    builder.AddListeningPort(std::string("unix:") + argv[1], grpc::InsecureServerCredentials());
    builder.RegisterService(&service);
    auto queue = builder.AddCompletionQueue();
    auto server = builder.BuildAndStart();
    if (!server)
        return 1;
    for (int i = 0; i < kArmed; i++) {
        new Call(&service, queue.get(), &Identity::AsyncService::RequestGetPluginInfo, &FillInfo);
        new Call(&service, queue.get(), &Identity::AsyncService::RequestProbe, &FillProbe);
        new Call(&service, queue.get(), &Identity::AsyncService::RequestGetPluginCapabilities,
                 &FillCapabilities);
    }
    void *tag;
    for (bool ok; queue->Next(&tag, &ok);)
        static_cast<Step *>(tag)->Proceed(ok);
}
