"""Models that are a Python function, logged, registered, and loaded by every kind of address."""

import mlflow
import numpy
import pandas
from mlflow.models import infer_signature
from mlflow.pyfunc import PythonModel

from server import Server, refusal


class _Adder(PythonModel):
    def load_context(self, context):
        with open(context.artifacts["amount"]) as file:
            self.amount = int(file.read())

    def predict(self, context, model_input, params=None):
        return numpy.asarray(model_input) + self.amount


def predictions(server: Server):
    mlflow.set_experiment(server.name("pyfunc"))
    name, frame = server.name("adder"), pandas.DataFrame({"x": [1, 2]})
    options = {"artifacts": {"amount": str(server.file("amount.txt", "5"))}, "pip_requirements": ["mlflow"], "signature": infer_signature(frame, frame)}
    with mlflow.start_run() as run:
        logged = mlflow.pyfunc.log_model("model", python_model=_Adder(), registered_model_name=name, **options)
    server.client.transition_model_version_stage(name, "1", "Production")
    server.client.set_registered_model_alias(name, "champion", "1")
    addresses = [logged.model_uri, f"runs:/{run.info.run_id}/model", f"models:/{name}/1", f"models:/{name}/Production", f"models:/{name}/latest", f"models:/{name}@champion"]
    predicted = {address.replace(run.info.run_id, "<run>"): mlflow.pyfunc.load_model(address).predict(frame) for address in addresses}
    info = mlflow.models.get_model_info(f"models:/{name}/1")
    return [
        list(predicted.values()),
        str(info.signature),
        sorted(info.flavors),
        refusal(mlflow.pyfunc.load_model, f"models:/{name}@none"),
        refusal(mlflow.pyfunc.load_model, f"models:/{name}/Staging"),
        refusal(mlflow.pyfunc.load_model, f"models:/{name}/9"),
        refusal(mlflow.pyfunc.load_model, f"runs:/{run.info.run_id}/none"),
        server.client.get_model_version(name, "1"),
    ]
