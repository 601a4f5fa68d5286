# Tcl, its http package. One behaviour a line on standard input, one line of JSON for each on standard output.
package require http
lassign $argv base folder
set bodies 0
set documents /api/v2.1/customer/individual/2001/documents

proc content {name} {
    set file [open [file join $::folder $name] rb]
    try { return [read $file] } finally { close $file }
}

proc field {token wanted} {
    foreach {name value} [http::meta $token] {
        if {[string equal -nocase $name $wanted]} { return $value }
    }
    return ""
}

proc saw {token} {
    if {[http::status $token] ne "ok"} { error "[http::status $token]: [http::error $token]" }
    set name [file join $::folder body-[incr ::bodies]]
    set file [open $name wb]
    puts -nonewline $file [http::data $token]
    close $file
    set told [format {{"status": %d, "file": "%s", "length": "%s", "location": "%s"}} \
        [http::ncode $token] $name [field $token Content-Length] [field $token Location]]
    http::cleanup $token
    return $told
}

proc call {path args} {
    return [saw [http::geturl $::base$path -binary 1 -timeout 60000 {*}$args]]
}

proc post {path body type args} {
    return [call $path -query $body -type $type {*}$args]
}

proc parallel {} {
    set ::arrived {}
    for {set number 0} {$number < 20} {incr number} {
        http::geturl $::base/api/echo/parallel-$number -binary 1 -timeout 60000 -keepalive 0 \
            -command {apply {{token} {lappend ::arrived [saw $token]}}}
    }
    while {[llength $::arrived] < 20} { vwait ::arrived }
    return $::arrived
}

set behaviours {
    get {list [call /api/bytes/100000]}
    streamed {list [call /api/bytes/100000?chunked]}
    json {list [post /api/echo/payments [content payment.json] application/json]}
    multipart {list [post $documents [content form.bin] {multipart/form-data; boundary=form-4711}]}
    expect {list [post /api/sink [content upload.bin] application/octet-stream -headers {Expect 100-continue}]}
    keep-alive {
        set seen {}
        for {set times 0} {$times < 3} {incr times} { lappend seen [call /api/bytes/1000 -keepalive 1] }
        set seen
    }
    close {list [call /api/bytes/1000] [call /api/bytes/1000]}
    head {list [call /api/bytes/1000 -validate 1]}
    gzip {list [call /api/gzip/100000]}
    "no content" {list [call /api/status/204] [call /api/bytes/10]}
    revoked {list [post /api/echo/payments [content payment.json] application/json]}
    parallel {parallel}
    redirect {list [call /api/moved]}
}

fconfigure stdout -buffering line
while {[gets stdin line] >= 0} {
    if {[catch {join [eval [dict get $behaviours [string trim $line]]] ", "} told]} {
        puts [format {{"error": "%s"}} [string map {\" ' \\ / \n " "} $told]]
    } else {
        puts [format {{"replies": [%s]}} $told]
    }
}
