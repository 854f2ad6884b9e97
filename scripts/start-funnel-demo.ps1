<#
.SYNOPSIS
From nothing to a public, read-only demo for two hours, with a token of its own; and its end.

.DESCRIPTION
    scripts\start-funnel-demo.ps1                a made-up tailnet (the sandbox), for two hours
    scripts\start-funnel-demo.ps1 -For 1h30m     for another time
    scripts\start-funnel-demo.ps1 -Port 9000     with the server on another port of 127.0.0.1 than 8710
    scripts\start-funnel-demo.ps1 -Tailnet       your own tailnet, by the credential in the environment
    scripts\start-funnel-demo.ps1 -Stop          ends what an earlier demo left public

It asks before anything becomes public; -Yes answers for you. Ctrl-C ends the demo early. It uses a public port
(443, 8443 or 10000) where nothing is served, and only ends what it has opened itself. The variable TAILSTEWARD
names the program, if it is not in the PATH. Needs a machine in a tailnet, with Tailscale running.
#>
param(
    # The tool checks the rest; this only keeps other characters out of its arguments.
    [ValidatePattern('^[0-9a-z]+$')]
    [string]$For = '2h',
    [ValidateRange(1, 65535)]
    [int]$Port = 8710,
    [switch]$Tailnet,
    [switch]$Yes,
    [switch]$Stop
)

$ErrorActionPreference = 'Stop'
$program = if ($env:TAILSTEWARD) { $env:TAILSTEWARD } else { 'tailsteward' }
if (-not (Get-Command $program -ErrorAction SilentlyContinue)) {
    throw "there is no program ${program}: install tailsteward, or set TAILSTEWARD to its path"
}

# The demo has a journal of its own: what it has opened is in there, and if the demo cannot end it, -Stop or the next
# server with this journal does.
$store = if ($env:TAILSTEWARD_DEMO_STORE) {
    $env:TAILSTEWARD_DEMO_STORE
} else {
    Join-Path $env:LOCALAPPDATA 'tailsteward\funnel-demo.sqlite3'
}
New-Item -ItemType Directory -Force -Path (Split-Path $store) | Out-Null

# A call about this machine. Older shells lose the quotes of an argument.
function Invoke-Tool([string]$Tool, [hashtable]$Arguments, [string[]]$More = @()) {
    $json = $Arguments | ConvertTo-Json -Compress
    $options = @('--sandbox', '--toolsets', 'this_node,funnel', '--access', 'danger',
        '--store', $store, '--history', 'off') + $More
    if ($PSVersionTable.PSVersion.Major -lt 7) { $json = $json -replace '"', '\"' }
    & $program call $Tool $json @options
    if ($LASTEXITCODE -ne 0) { throw "$Tool failed" }
}

# What this journal has opened, and still serves what it says. Throws if that is unknown.
function Get-Opened {
    $status = Invoke-Tool 'funnel_status' @{} | ConvertFrom-Json
    @($status.public | Where-Object { $_.change })
}

# Ends all that this journal has opened, and checks that it is no longer public.
function Stop-Demo {
    $problem = 'it is public again'
    foreach ($public in @(Get-Opened)) {
        $number = [int]($public.at -split ':')[-1]
        # The server may have ended it a moment ago, so only what is public afterwards counts.
        try {
            Invoke-Tool 'funnel_disable' @{ public_port = $number } @('--yes') | Out-Null
        } catch {
            $problem = $_.ToString()
        }
    }
    if (@(Get-Opened).Count -gt 0) { throw $problem }
}

$warning = 'the demo may still be public. Look at `tailscale funnel status`, and run this script again with -Stop'

if ($Stop) {
    try {
        $before = @(Get-Opened).Count
        Stop-Demo
    } catch {
        throw "$warning ($_)"
    }
    if ($before -eq 0) { Write-Output 'no demo is public' } else { Write-Output 'the demo is no longer public' }
    exit
}

$state = Invoke-Tool 'get_local_status' @{} | ConvertFrom-Json
if (-not $state.dns_name) { throw 'this machine is in no tailnet' }
if (@(Get-Opened).Count -gt 0) { throw 'an earlier demo is still public; end it first, with -Stop' }
$served = Invoke-Tool 'serve_status' @{} | ConvertFrom-Json
$used = @($served.served | ForEach-Object { ($_.at -split ':')[-1] })
$free = @(443, 8443, 10000 | Where-Object { "$_" -notin $used })
if ($free.Count -eq 0) {
    throw 'something is served on the ports 443, 8443 and 10000; see `tailscale serve status`'
}
$public = $free[0]
$address = if ($public -eq 443) { $state.dns_name } else { "$($state.dns_name):$public" }
$wanted = @{ target = "$Port"; public_port = $public; for = $For }
# What is wrong is found now, before there is a token or a server.
Invoke-Tool 'funnel_enable' ($wanted + @{ dry_run = $true }) | Out-Null

$folder = New-Item -ItemType Directory -Path (Join-Path ([IO.Path]::GetTempPath()) ([Guid]::NewGuid()))
$tokens = Join-Path $folder 'tokens'
$log = Join-Path $folder 'log'
$server = $null
$asked = $false
$ended = 'nothing was made public'
try {
    $token = & $program token add demo --read-only --expires $For --tokens $tokens
    if (-not $token) { throw 'no token was made' }
    $options = @('serve', '--http', "127.0.0.1:$Port", '--tokens', $tokens, '--access', 'read',
        '--allowed-host', $address, '--public-url', "https://$address/", '--toolsets', 'default',
        '--store', $store, '--history', 'off')
    if (-not $Tailnet) { $options += '--sandbox' }
    $quoted = $options | ForEach-Object { '"' + $_ + '"' }
    $server = Start-Process -FilePath $program -ArgumentList $quoted -PassThru -NoNewWindow `
        -RedirectStandardOutput $log
    $started = $false
    foreach ($try in 1..10) {
        $started = (Test-Path $log) -and (Select-String -Quiet -Path $log -Pattern '^MCP at ')
        if ($started) { break }
        if ($server.HasExited) { break }
        Start-Sleep -Seconds 1
    }
    if (-not $started) { throw 'the server did not start' }
    $answer = @()
    if ($Yes) { $answer = @('--yes') }
    $asked = $true
    Invoke-Tool 'funnel_enable' $wanted $answer | Out-Null
    $ended = 'the demo has ended: it is no longer public'
    $now = @(Get-Opened)
    if ($now.Count -eq 0) { throw 'the demo did not become public' }
    Write-Output ''
    Write-Output "public until $($now[0].ends):  https://$address/mcp"
    Write-Output "the token:     $token"
    Write-Output ''
    Write-Output 'Ctrl-C ends it.'
    # The server ends it in time. If the daemon does not answer for a while, that is not the end.
    while (-not $server.HasExited) {
        Start-Sleep -Seconds 5
        try { if (@(Get-Opened).Count -eq 0) { break } } catch { }
    }
} finally {
    $failure = $null
    if ($asked) {
        try { Stop-Demo } catch { $failure = "$warning ($_)" }
    }
    if ($server -and -not $server.HasExited) { Stop-Process -Id $server.Id }
    Remove-Item -Recurse -Force $folder
    if ($failure) { throw $failure }
    Write-Output "$ended; its token is deleted"
}
