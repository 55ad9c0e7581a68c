"""Calls of the App Mesh API as its users make them: with the aws CLI, or with
curl and the same JSON where that is not installed."""

import json
import os
import shlex
import shutil
import subprocess

REGION = "us-east-1"

# where curl has to send what; the aws CLI knows
URIS = {
    "mesh": ("meshes", "meshName"),
    "virtual-node": ("meshes/{meshName}/virtualNodes", "virtualNodeName"),
    "virtual-router": ("meshes/{meshName}/virtualRouters",
                       "virtualRouterName"),
    "virtual-service": ("meshes/{meshName}/virtualServices",
                        "virtualServiceName"),
    "route": ("meshes/{meshName}/virtualRouter/{virtualRouterName}/routes",
              "routeName"),
}


class ApiError(Exception):
    """What the API, or its client, had to say."""


def has_aws():
    """Whether there is an aws CLI, and one that knows App Mesh."""
    return shutil.which("aws") is not None and subprocess.run(
        ["aws", "appmesh", "list-meshes", "--generate-cli-skeleton"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment()).returncode == 0


def environment():
    """Nobody's own profile, region or proxy."""
    env = {name: value for name, value in os.environ.items()
           if not name.startswith("AWS_")}
    return dict(env, AWS_CONFIG_FILE="/dev/null", AWS_PAGER="",
                AWS_DEFAULT_OUTPUT="json",
                AWS_SHARED_CREDENTIALS_FILE="/dev/null",
                AWS_EC2_METADATA_DISABLED="true", NO_PROXY="127.0.0.1",
                no_proxy="127.0.0.1")


def option(member):
    """virtualNodeName: --virtual-node-name"""
    return "--" + "".join("-" + c.lower() if c.isupper() else c
                          for c in member)


class Api:
    def __init__(self, url, aws):
        self.url = url
        self.aws = aws

    def command(self, operation, members):
        """The arguments of a call that can be copied into a terminal."""
        if self.aws:
            argv = ["aws", "--endpoint-url", self.url, "--region", REGION,
                    "--no-sign-request", "appmesh", operation]
            for name, value in members.items():
                argv += [option(name), value if isinstance(value, str)
                         else json.dumps(value)]
            return argv

        verb, kind = operation.split("-", 1)
        uri, name = URIS[kind]
        if verb != "create":
            uri += "/{%s}" % name
        uri = uri.format(**members)
        argv = ["curl", "-sS", "--fail-with-body", "-X",
                {"create": "PUT", "update": "PUT", "describe": "GET",
                 "delete": "DELETE"}[verb], f"{self.url}/v20190125/{uri}"]
        if verb in ("create", "update"):
            body = {k: v for k, v in members.items()
                    if k == name and verb == "create" or k == "spec"}
            argv += ["-d", json.dumps(body)]
        return argv

    def text(self, operation, **members):
        return shlex.join(self.command(operation, members))

    def start(self, operation, **members):
        return subprocess.Popen(
            self.command(operation, members), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=environment())

    def finish(self, process):
        """The resource, bare; ApiError if the API did not want to."""
        out, err = process.communicate(timeout=60)
        if process.returncode != 0:
            raise ApiError(self.reason(out, err))
        body = json.loads(out or "{}")
        # the CLI puts the name of the member around what comes
        if self.aws and len(body) == 1:
            body = next(iter(body.values()))
        return body

    def reason(self, out, err):
        if not self.aws:
            try:
                return json.loads(out)["message"]
            except (ValueError, LookupError, TypeError):
                pass
        return " ".join((err or out).split())

    def call(self, operation, **members):
        return self.finish(self.start(operation, **members))
