"""Prompts: registered models with tags of MLflow's own."""

import mlflow

from server import Server, refusal


def prompts(server: Server):
    name = server.name("greeting").replace(".", "-")
    first = mlflow.genai.register_prompt(name, "Hello, {{name}}!", commit_message="first", tags={"a": "1"})
    second = mlflow.genai.register_prompt(name, "Good day, {{name}}.", commit_message="politer")
    mlflow.genai.set_prompt_alias(name, "production", 1)
    loaded = [mlflow.genai.load_prompt(name), mlflow.genai.load_prompt(name, version=1), mlflow.genai.load_prompt(f"prompts:/{name}@production")]
    missing = refusal(mlflow.genai.load_prompt, server.name("none"), allow_missing=True)
    found = [prompt.name for prompt in mlflow.genai.search_prompts(f"name = '{name}'")]
    models = [model.name for model in server.client.search_registered_models(f"name = '{name}'")]
    mlflow.genai.delete_prompt_alias(name, "production")
    mlflow.genai.set_prompt_tag(name, "b", "2") if hasattr(mlflow.genai, "set_prompt_tag") else None
    return [[prompt.template, prompt.version, prompt.commit_message, prompt.tags] for prompt in (first, second, *loaded)] + [missing, found, models]
