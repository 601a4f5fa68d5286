"""Old programs that log in by themselves: log in, ask, refresh, log out, ask. None knows that there is a sidecar.

Each takes the base URL, prints the token that it was given, and then the five statuses.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

PATH: Final = os.environ.get("PATH", os.defpath)

_PYTHON2: Final = """
import json, sys, urllib2
def call(path, form=None, token=None):
    fields = {"Content-Type": "application/json"}
    if token: fields["Authorization"] = "Bearer " + token
    reply = opener.open(urllib2.Request(sys.argv[1] + path, form and json.dumps(form), fields))
    statuses.append(str(reply.getcode()))
    return json.load(reply)
opener, statuses = urllib2.build_opener(urllib2.ProxyHandler({})), []
login = call("/api/v2/auth/token", {"username": "u", "password": "p", "grantType": "password"})
token = login["userSessionToken"]
assert login["token_type"] == "Bearer" and login["expires_in"] > 60
call("/api/v2.1/wallets/w-1/balance", token=token)
call("/api/v2/auth/token/refresh", {"refreshToken": login["refreshToken"]}, token)
call("/api/v2/auth/logout", {"userSessionToken": token}, token)
call("/api/v2.1/wallets/w-1/balance", token=token)
print token, " ".join(statuses)
"""

_PERL: Final = """
use strict; use HTTP::Tiny; use JSON::PP;
my ($base, @statuses) = @ARGV;
my $http = HTTP::Tiny->new(proxy => undef, http_proxy => undef);
sub call {
    my ($method, $path, $form, $token) = @_;
    my %fields = ("Content-Type" => "application/json");
    $fields{Authorization} = "Bearer $token" if $token;
    my @content = $form ? (content => encode_json($form)) : ();
    my $reply = $http->request($method, $base . $path, { headers => \\%fields, @content });
    push @statuses, $reply->{status};
    return decode_json($reply->{content});
}
my $login = call("POST", "/api/v2/auth/token", { username => "u", password => "p", grantType => "password" });
my $token = $login->{userSessionToken};
die unless $login->{expires_in} > 60;
call("GET", "/api/v2.1/wallets/w-1/balance", undef, $token);
call("POST", "/api/v2/auth/token/refresh", { refreshToken => $login->{refreshToken} }, $token);
call("POST", "/api/v2/auth/logout", { userSessionToken => $token }, $token);
call("GET", "/api/v2.1/wallets/w-1/balance", undef, $token);
print join(" ", $token, @statuses), "\\n";
"""

_PHP: Final = """
$statuses = [];
function call($method, $path, $form = null, $token = null) {
    global $argv, $statuses;
    $fields = ["Content-Type: application/json"];
    if ($token) $fields[] = "Authorization: Bearer $token";
    $options = ["method" => $method, "header" => $fields, "ignore_errors" => true];
    if ($form) $options["content"] = json_encode($form);
    $body = file_get_contents($argv[1] . $path, false, stream_context_create(["http" => $options]));
    $statuses[] = explode(" ", $http_response_header[0])[1];
    return json_decode($body, true);
}
$login = call("POST", "/api/v2/auth/token", ["username" => "u", "password" => "p", "grantType" => "password"]);
$token = $login["userSessionToken"];
if ($login["expires_in"] * 1000 > 2147483647) exit(1);
call("GET", "/api/v2.1/wallets/w-1/balance", null, $token);
call("POST", "/api/v2/auth/token/refresh", ["refreshToken" => $login["refreshToken"]], $token);
call("POST", "/api/v2/auth/logout", ["userSessionToken" => $token], $token);
call("GET", "/api/v2.1/wallets/w-1/balance", null, $token);
echo implode(" ", array_merge([$token], $statuses)), "\\n";
"""

NAMES: Final = ("Python 2.7 urllib2", "Perl HTTP::Tiny", "PHP streams")


def command(name: str) -> list[str] | None:
    """Return the command that runs a program, without the base URL behind it; None where its language is missing."""
    if name == NAMES[0]:
        found = python2()
        return None if found is None else [found, "-c", _PYTHON2]
    language, option, text = ("perl", "-e", _PERL) if name == NAMES[1] else ("php", "-r", _PHP)
    found = shutil.which(language)
    return None if found is None else [found, option, text, *(["--"] if language == "php" else [])]


@functools.cache
def python2() -> str | None:
    """Return a Python 2.7 that works: pyenv's stand-in does only where one was chosen."""
    root = os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))
    for path in (shutil.which("python2.7"), *map(str, Path(root, "versions").glob("2.7*/bin/python"))):
        if path and subprocess.run([path, "-c", ""], capture_output=True, check=False, timeout=30).returncode == 0:
            return path
    return None
