"""Search of runs: the filter's grammar, order and pages."""

from mlflow.entities import Metric, Param, RunTag

from server import Server, refusal

MORNING = 1700000000000


def _filled(server: Server) -> str:
    experiment = server.experiment("search")
    for n in range(12):
        run = server.client.create_run(experiment, start_time=MORNING + n * 1000, run_name=f"run {n:02}", tags={"mlflow.user": "ann" if n % 2 else "bob"})
        metrics = [Metric("acc", n / 12, MORNING, 0), Metric("loss", 12 - n, MORNING, 0), Metric("my metric/a.b", n, MORNING, 0)]
        if n % 3 == 0:
            metrics.append(Metric("rare", float("nan") if n == 6 else n, MORNING, 0))
        params = [Param("lr", str(0.1 / (n + 1))), Param("model", "ResNet" if n % 2 else "vit"), Param("with space", f"x {n}"), Param("n", str(n))]
        if n == 4:
            params.append(Param("only", "four"))
        tags = [RunTag("team", ["red", "green", "blue"][n % 3]), RunTag("quote", "it's" if n == 1 else 'say "x"'), RunTag("path/like.tag", str(n))]
        server.client.log_batch(run.info.run_id, metrics=metrics, params=params, tags=tags)
        if n != 11:
            server.client.set_terminated(run.info.run_id, ["FINISHED", "FAILED", "KILLED"][n % 3], MORNING + n * 1000 + 500)
    return experiment


CONDITIONS = """
metrics.acc > 0.5
metrics.acc >= 0.5 and metrics.loss < 4
metrics.acc = 0.5
metrics.acc != 0.5
metrics.acc > .5
metrics.acc > 5e-1
metrics.acc > -1
metric.acc <= 0.25
metrics.`my metric/a.b` > 5
metrics."my metric/a.b" > 5
metrics.rare > 0
metrics.rare != 3
metrics.rare = 'NaN'
metrics.none > 0
params.model = 'ResNet'
params.model = "ResNet"
params.model != 'ResNet'
param.model LIKE 'Res%'
parameters.model LIKE 'res%'
params.model ILIKE 'res%'
params.`with space` = 'x 3'
params."with space" LIKE 'x 1%'
params.only = 'four'
params.only != 'three'
params.n = '7'
params.lr LIKE '0.0%'
params.model LIKE '_it'
params.model LIKE '%'
tags.team = 'red'
tag.team != 'red'
tags.team LIKE '%re%'
tags.team IN ('red', 'blue')
tags.`path/like.tag` = '3'
tags."path/like.tag" != '3'
tags.quote = "it's"
tags.mlflow.user = 'ann'
tags.`mlflow.user` = 'ann'
tags.mlflow.runName = 'run 03'
tags.none = 'x'
tags.none != 'x'
status = 'FINISHED'
attributes.status != 'FINISHED'
attribute.status = 'RUNNING'
attr.status = 'failed'
run.status = 'FAILED'
status IN ('FAILED', 'KILLED')
run_name = 'run 03'
attributes.run_name LIKE 'run 1%'
attributes.`run name` = 'run 03'
attributes."Run name" != 'run 03'
run_name ILIKE 'RUN 0%'
start_time > 1700000005000
attributes.start_time <= 1700000005000
start_time = 1700000003000
created > 1700000005000
Created > 1700000005000
end_time < 1700000003000
end_time > 0
user_id = 'ann'
attributes.user_id != 'ann'
artifact_uri LIKE '%artifacts'
attributes.run_id LIKE '%'
metrics.acc > 0.2 AND params.model = 'vit' AnD tags.team = 'red'
metrics.acc > 0.2 and metrics.acc < 0.8 and status = 'FINISHED' and params.n != '4'
  metrics.acc   >   0.5
metrics.acc>0.5
metrics.acc>0.5 AND params.model='vit'
params.model = 'it''s'
tags.team IS NULL
tags.none IS NULL
tags.team IS NOT NULL
params.only IS NULL
params.only IS NOT NULL
tags.team NOT IN ('red')
params.model IN ('vit')
params.n IN ('1', '2')
""".strip().splitlines()

REFUSED = """
metrics.acc
metrics.acc >
metrics.acc > 'x'
metrics.acc > 0.5 OR metrics.loss > 1
(metrics.acc > 0.5)
NOT metrics.acc > 0.5
metrics.acc LIKE '1'
metrics.acc > 0.5 and
and metrics.acc > 0.5
metrics.acc > 0.5 metrics.loss > 1
metrics.acc > 0.5; metrics.loss > 1
metrics.acc IN (1, 2)
metrics.acc BETWEEN 1 AND 2
metrics > 1
acc > 1
params.model = ResNet
params.model = 5
params.model > 'a'
params.model = 'open
params.`model = 'x'
tags.team = red
tags.team > 'a'
tags.team = 1
nothing.acc > 1
attributes.nothing = 'x'
attributes.status > 'x'
attributes.status = 5
status LIKE 3
start_time = 'x'
start_time LIKE '1%'
start_time > 1.5
run_id > 'a'
run_id IN ()
run_id IN ('a', 1)
run_id IN 'a'
metrics.acc == 0.5
metrics.acc = 0.5 , metrics.loss = 1
metrics.acc <> 0.5
'x' = params.model
1 < metrics.acc
params. = 'x'
""".strip().splitlines()

ORDERS = [
    ["metrics.acc"], ["metrics.acc DESC"], ["metrics.acc ASC"], ["metrics.rare"], ["metrics.rare DESC"], ["metrics.none"], ["metrics.`my metric/a.b` DESC"],
    ["params.model", "metrics.acc DESC"], ["params.model DESC", "start_time"], ["params.n"], ["params.only"], ["params.only DESC"], ["params.`with space` DESC"],
    ["tags.team", "attributes.start_time DESC"], ["tags.none", "start_time DESC"], ["attributes.status", "run_name"], ["status DESC", "run_name DESC"], ["start_time ASC"],
    ["attributes.end_time"], ["end_time DESC"], ["run_name DESC"], ["attributes.`Run name`"], ["Created DESC"], ["user_id", "metrics.loss"], ["metric.acc desc"], ["parameter.n asc"],
    [" metrics.acc  DESC "], ["tags.mlflow.user", "start_time"],
]  # fmt: skip

ORDERS_REFUSED = [["acc"], ["metrics.acc UP"], ["metrics.acc, metrics.loss"], ["metrics."], ["nothing.acc"], ["attributes.nothing"], ["metrics.acc DESC DESC"], ["metrics"], ["dataset.name"]]


def conditions(server: Server):
    experiment = _filled(server)
    run = server.client.search_runs([experiment], "run_name = 'run 02'")[0].info.run_id
    told = CONDITIONS + [f"run_id = '{run}'", f"attributes.run_id != '{run}'", f"run_id IN ('{run}', '{'0' * 32}')", f"attributes.run_id NOT IN ('{run}')"]

    def found(condition):
        return sorted(run.info.run_name for run in server.client.search_runs([experiment], condition))

    return {
        "found": {condition.replace(run, "<run 02>"): refusal(found, condition) for condition in told},
        "refused": {condition: refusal(found, condition) for condition in REFUSED},
        "order": [run.info.run_name for run in server.client.search_runs([experiment])],
        "orders": {str(order): refusal(lambda: [run.info.run_name for run in server.client.search_runs([experiment], order_by=order)]) for order in ORDERS},
        "orders refused": {str(order): refusal(server.client.search_runs, [experiment], order_by=order) for order in ORDERS_REFUSED},
    }


def pages(server: Server):
    experiment = _filled(server)
    seen, token = [], None
    while True:
        page = server.client.search_runs([experiment], "metrics.acc >= 0.1", max_results=4, order_by=["metrics.acc DESC"], page_token=token)
        seen.append([run.info.run_name for run in page])
        token = page.token
        if not token:
            break
    limits = [refusal(server.client.search_runs, [experiment], max_results=limit) for limit in (0, -1, 50001)]
    return [
        seen,
        limits,
        len(server.client.search_runs([experiment], max_results=50000)),
        refusal(server.client.search_runs, [experiment], page_token="no token"),
        refusal(server.client.search_runs, ["123456789"]),
        refusal(server.client.search_runs, []),
        server.rest("POST", "runs/search", body={"experiment_ids": [experiment], "max_results": 1})["body"].keys() - {"runs"},
        server.rest("POST", "runs/search", body={"experiment_ids": ["123456789"]}),
        server.rest("POST", "runs/search", body={"experiment_ids": []}),
        server.rest("POST", "runs/search", body={"experiment_ids": experiment}),
        server.rest("POST", "runs/search", body={"experiment_ids": [experiment], "run_view_type": "SOME"}),
        server.rest("POST", "runs/search", body={"experiment_ids": [experiment], "max_results": "3", "filter": "metrics.acc > 2"}),
    ]


def several_experiments(server: Server):
    experiments = [server.experiment(name) for name in ("one", "two", "three")]
    for number, experiment in enumerate(experiments):
        for run in range(2):
            server.client.create_run(experiment, start_time=MORNING + run * 10 + number, run_name=f"{number} {run}")
    found = server.client.search_runs(experiments[:2])
    twice = server.client.search_runs([experiments[0], experiments[0]])
    return [[run.info.run_name for run in found], [run.info.run_name for run in twice]]


def one_run_whole(server: Server):
    """As it is on the wire."""
    experiment = _filled(server)
    body = server.rest("POST", "runs/search", body={"experiment_ids": [experiment], "filter": "run_name = 'run 06'"})["body"]
    for run in body["runs"]:
        for part in ("metrics", "params", "tags"):
            run["data"][part].sort(key=lambda entry: entry["key"])
    return body
