#!/usr/bin/env python3
"""Renders each kustomization and validates the result against the published schemas, without a cluster.

The schemas of Kubernetes' own kinds come with kubernetes-validate (PyPI), pinned below. Those of operators are their
CustomResourceDefinitions: YAML files in the folder that --crds names. It needs kubectl or kustomize.
"""
# /// script
# dependencies = ["kubernetes-validate==1.37.0", "jsonschema"]
# ///

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml

KUBERNETES = "1.32"
HERE = Path(__file__).parent


def render(folder):
    command = ["kustomize", "build"] if shutil.which("kustomize") else ["kubectl", "kustomize"]
    text = subprocess.run([*command, folder], check=True, capture_output=True, text=True).stdout
    return list(yaml.safe_load_all(text))


def custom_schemas(folder):
    """The schema of each (apiVersion, kind) that the CustomResourceDefinitions in `folder` declare."""
    schemas = {}
    for file in Path(folder).glob("*.yaml"):
        for crd in yaml.safe_load_all(file.read_text()):
            for version in crd["spec"]["versions"] if crd else []:
                key = (f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"])
                schemas[key] = strict(version["schema"]["openAPIV3Schema"])
    return schemas


def strict(schema):
    """Refuses fields the schema does not name, as `kubectl apply` does: a misspelt one would have no effect."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: strict(value) for key, value in schema.items()}
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and "type" in schema and not is_open:
        schema["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string"):
        schema["type"] = ["integer", "string"]
    return schema


def validate(resource, schemas):
    """What is wrong with the resource, or an empty string; None if there is no schema for it."""
    schema = schemas.get((resource["apiVersion"], resource["kind"]))
    try:
        if schema:
            # The definition leaves these two to Kubernetes.
            body = {key: value for key, value in resource.items() if key not in ("metadata", "apiVersion", "kind")}
            jsonschema.validate(body, schema)
        elif "." in resource["apiVersion"] and not resource["apiVersion"].split("/")[0].endswith(".k8s.io"):
            return None
        else:
            kubernetes_validate.validate(resource, KUBERNETES, strict=True)
    except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
        return f"{'.'.join(str(part) for part in error.path)}: {error.message}"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crds", default=HERE / "crds", help="folder of CustomResourceDefinitions")
    schemas = custom_schemas(parser.parse_args().crds)
    n_wrong = 0
    for kustomization in sorted(HERE.rglob("kustomization.yaml")):
        folder = kustomization.parent
        for resource in render(folder):
            wrong = validate(resource, schemas)
            verdict = {None: "no schema here", "": "valid"}.get(wrong, wrong)
            n_wrong += bool(wrong)
            print(f"{folder.relative_to(HERE)}: {resource['kind']} {resource['metadata']['name']}: {verdict}")
    sys.exit(f"{n_wrong} invalid" if n_wrong else None)


if __name__ == "__main__":
    main()
