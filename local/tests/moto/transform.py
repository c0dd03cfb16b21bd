"""Transforms the template as a deployment does. Run by itself, it prints the outcome, for checkers."""

import json
import os

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

# A shared secret and a key, as moto stumbles over a policy that a condition leaves out.
PARAMETERS = {
    # That of the sample events.
    "AllowedOrigins": "http://localhost:5173",
    "AuthSecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:tokens",
    "TableKmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000",
}


class ManagedPolicies:
    def load(self):
        path = "arn:aws:iam::aws:policy/"
        names = ["service-role/AWSLambdaBasicExecutionRole", "AWSXrayWriteOnlyAccess", "AWSXRayDaemonWriteAccess"]
        return {name.split("/")[-1]: path + name for name in names}


def transformed():
    with open("template.yaml", encoding="utf-8") as file:
        template = yaml_parse(file.read())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://code/function.zip"
    return transform(template, dict(PARAMETERS), ManagedPolicies())


if __name__ == "__main__":
    print(json.dumps(transformed(), indent=1))
