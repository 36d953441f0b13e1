interface Server {
  origin: string;
  workspace: string | undefined;
  /** Whether it asks for a token. */
  token: boolean;
  experiment: string;
}

export interface Snippet {
  name: string;
  note: string;
  blocks: string[];
}

/** Programs that log a run to this very server, each whole: pasted, they work. */
export function snippets({ origin, workspace, token, experiment }: Server): Snippet[] {
  const host = origin.replace(/^https?:\/\//, "");
  const secure = origin.startsWith("https:");
  const metadata = [
    ...(token ? [`("authorization", "Bearer " + os.environ["HERDBOOK_TOKEN"])`] : []),
    ...(workspace ? [`("herdbook-workspace", ${JSON.stringify(workspace)})`] : []),
  ];
  const sent = metadata.length ? `, metadata=[${metadata.join(", ")}]` : "";
  const channel = secure
    ? `grpc.secure_channel("${host}", grpc.ssl_channel_credentials())`
    : `grpc.insecure_channel("${host}")`;
  const python = `${token ? "import os\n" : ""}import time
import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

channel = ${channel}
service = DescriptorPool(ProtoReflectionDescriptorDatabase(channel)).FindServiceByName("herdbook.tracking.v1.RunService")

def call(name, **fields):
    method = service.methods_by_name[name]
    request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    rpc = channel.unary_unary(f"/{service.full_name}/{name}", request.SerializeToString, response.FromString)
    return rpc(request(**fields)${sent})

run = call("CreateRun", experiment_id=${experiment}, params={"lr": "0.01"}).run
call("UpdateRun", run={"id": run.id, "status": 2}, update_mask={"paths": ["status"]})  # running
for step in range(1, 101):
    call("LogBatch", run_id=run.id, metrics=[{"key": "loss", "value": 1 / step, "step": step}])
    time.sleep(0.1)
call("UpdateRun", run={"id": run.id, "status": 3}, update_mask={"paths": ["status"]})  # finished`;
  // Its clients know workspaces by the path.
  const uri = workspace ? `${origin}/w/${workspace}` : origin;
  const mlflow = `${token ? `import os\nos.environ["MLFLOW_TRACKING_TOKEN"] = os.environ["HERDBOOK_TOKEN"]\n` : ""}import time, mlflow

mlflow.set_tracking_uri("${uri}")
with mlflow.start_run(experiment_id="${experiment}"):
    mlflow.log_param("lr", 0.01)
    for step in range(1, 101):
        mlflow.log_metric("loss", 1 / step, step=step)
        time.sleep(0.1)`;
  const cli = `for step in $(seq 1 100); do
  echo "{\\"step\\": $step, \\"loss\\": $(awk "BEGIN { print 1 / $step }")}"; sleep 0.1
done | herdbook runs log --create ${experiment} --server ${origin}${workspace ? ` --workspace ${workspace}` : ""}`;
  return [
    {
      name: "Python, gRPC",
      note: "Nothing to generate: the server tells its contract. With code generated from proto/ the calls are the same, and typed, in every language that gRPC has.",
      blocks: ["pip install grpcio grpcio-reflection", python],
    },
    {
      name: "MLflow",
      note: "The client you have: only its address changes.",
      blocks: [`export MLFLOW_TRACKING_URI=${uri}`, mlflow],
    },
    {
      name: "Command line",
      note: "From any program: lines of JSON or CSV on standard input.",
      blocks: [cli],
    },
  ];
}
