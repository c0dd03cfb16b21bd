"""Transforms the template as a deployment does, and creates its stack in moto as far as moto goes.

Prints one line of JSON: where moto is, the functions' environment, the routes with who may call them, and the dashboard.
"""

import io
import json
import os
import sys
import zipfile

os.environ.update(
    AWS_ACCESS_KEY_ID="local", AWS_SECRET_ACCESS_KEY="local", AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true"
)

# What a test writes beside target/ would be committed by accident one day.
sys.dont_write_bytecode = True

import boto3
from server import start
from transform import PARAMETERS, transformed

# What moto has no CloudFormation of, and what only points at that.
UNKNOWN = (
    "AWS::ApiGatewayV2::",
    "AWS::CloudWatch::Alarm",
    "AWS::Lambda::Permission",
    "AWS::Logs::MetricFilter",
    "AWS::SecretsManager::",
)


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
for name, value in {"LinkKeys": secret, "Api": "api"}.items():
    template["Parameters"][name] = {"Type": "String", "Default": value}
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
dashboard = client("cloudwatch").get_dashboard(DashboardName=names["Dashboard"])["DashboardBody"]
configuration = client("lambda").get_function_configuration(FunctionName=names["CommentsSave"])
# moto hands numbers on as they are; Lambda has texts.
environment = {name: str(value) for name, value in configuration["Environment"]["Variables"].items()}
print(json.dumps({"url": url, "environment": environment, "routes": routes, "dashboard": dashboard}), flush=True)
sys.stdin.read()
server.stop()
