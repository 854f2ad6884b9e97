<#
.SYNOPSIS
From nothing to a public, read-only demo for two hours, with a token of its own; and its end.

.DESCRIPTION
    scripts\start-funnel-demo.ps1                a made-up tailnet (the sandbox), for two hours
    scripts\start-funnel-demo.ps1 -For 30m       for another time
    scripts\start-funnel-demo.ps1 -Tailnet       your own tailnet, by the credential in the environment
    scripts\start-funnel-demo.ps1 -Stop          cleans up after an earlier demo

It asks before anything becomes public; -Yes answers for you. Ctrl-C ends the demo early. The variable
TAILSTEWARD names the program, if it is not in the PATH. Needs a machine in a tailnet, with Tailscale running.
#>
param(
    [ValidatePattern('^[0-9]+[smh]$')]
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

# Whatever server runs with this journal next ends what this demo could not.
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

if ($Stop) {
    try { Invoke-Tool 'funnel_disable' @{} @('--yes') | Out-Null } catch { }
    Write-Output 'the demo is no longer public'
    exit
}

$state = Invoke-Tool 'get_local_status' @{} | ConvertFrom-Json
if (-not $state.dns_name) { throw 'this machine is in no tailnet' }
$address = $state.dns_name

$folder = New-Item -ItemType Directory -Path (Join-Path ([IO.Path]::GetTempPath()) ([Guid]::NewGuid()))
$tokens = Join-Path $folder 'tokens'
$log = Join-Path $folder 'log'
$server = $null
try {
    $token = & $program token add demo --read-only --expires $For --tokens $tokens
    $options = @('serve', '--http', "127.0.0.1:$Port", '--tokens', $tokens, '--access', 'read',
        '--allowed-host', $address, '--public-url', "https://$address/", '--store', $store, '--history', 'off')
    if (-not $Tailnet) { $options += '--sandbox' }
    $quoted = $options | ForEach-Object { '"' + $_ + '"' }
    $server = Start-Process -FilePath $program -ArgumentList $quoted -PassThru -NoNewWindow `
        -RedirectStandardOutput $log
    foreach ($try in 1..10) {
        if ((Test-Path $log) -and (Select-String -Quiet -Path $log -Pattern '^MCP at ')) { break }
        if ($server.HasExited) { throw 'the server did not start' }
        Start-Sleep -Seconds 1
    }
    $answer = @()
    if ($Yes) { $answer = @('--yes') }
    Invoke-Tool 'funnel_enable' @{ target = "$Port"; for = $For } $answer
    Write-Output ''
    Write-Output "public for ${For}:  https://$address/mcp"
    Write-Output "the token:     $token"
    Write-Output ''
    Write-Output 'Ctrl-C ends it.'
    $number = [int]$For.Substring(0, $For.Length - 1)
    $unit = @{ h = 3600; m = 60; s = 1 }[[string]$For[-1]]
    Start-Sleep -Seconds ($number * $unit)
} finally {
    try { Invoke-Tool 'funnel_disable' @{} @('--yes') | Out-Null } catch { }
    if ($server -and -not $server.HasExited) { Stop-Process -Id $server.Id }
    Remove-Item -Recurse -Force $folder
    Write-Output 'the demo has ended: it is no longer public, and its token is deleted'
}
