"""Transforms the template as a deployment does, and creates its stack in moto as far as moto goes.

Prints one line of JSON: where moto is, the stack's resources by their logical ids, and the routes with who may call them.
"""

import io
import json
import os
import sys
import zipfile

os.environ.update(
    AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local", AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true"
)

import boto3
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse
from server import start

# A shared secret, as moto stumbles over a policy that a condition leaves out.
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:tokens"
PARAMETERS = {"AllowedOrigins": "https://app.example.com", "AuthSecretArn": SECRET}
# What moto has no CloudFormation of, and what only points at that.
UNKNOWN = ("AWS::ApiGatewayV2::", "AWS::Lambda::Permission", "AWS::Logs::MetricFilter", "AWS::SecretsManager::")


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


def code():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("bootstrap", "")
    return archive.getvalue()


template = transformed()
paths = template["Resources"]["Api"]["Properties"]["Body"]["paths"]
routes = {
    f"{method.upper()} {path}": [name for security in operation.get("security", []) for name in security]
    for path, methods in paths.items()
    for method, operation in methods.items()
}

server, url = start()
client = lambda service: boto3.client(service, endpoint_url=url)
client("s3").create_bucket(Bucket="code")
client("s3").put_object(Bucket="code", Key="function.zip", Body=code())
# As CloudFormation generates it.
generated = template["Resources"]["LinkKeys"]["Properties"]["GenerateSecretString"]
password = client("secretsmanager").get_random_password(
    PasswordLength=generated["PasswordLength"], ExcludePunctuation=generated["ExcludePunctuation"]
)
keys = json.loads(generated["SecretStringTemplate"]) | {generated["GenerateStringKey"]: password["RandomPassword"]}
secret = client("secretsmanager").create_secret(Name="link-keys", SecretString=json.dumps(keys))["ARN"]
template["Parameters"]["LinkKeys"] = {"Type": "String", "Default": secret}
template["Resources"] = {
    name: resource for name, resource in template["Resources"].items() if not resource["Type"].startswith(UNKNOWN)
}
template.pop("Outputs")
template.pop("Rules")
cloudformation = client("cloudformation")
parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in PARAMETERS.items()]
cloudformation.create_stack(
    StackName="velt", TemplateBody=json.dumps(template), Parameters=parameters, Capabilities=["CAPABILITY_IAM"]
)
pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName="velt")
resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
names = {resource["LogicalResourceId"]: resource.get("PhysicalResourceId") for resource in resources}
names["LinkKeys"] = secret
print(json.dumps({"url": url, "resources": names, "routes": routes}), flush=True)
sys.stdin.read()
server.stop()
