from system import run
def x():
    print(run("uname","-a"), run("systemctl","--failed"), run("ls","-la","/sys/devices/platform/vhci_hcd.0"), run("systemd-analyze"), run("df"), run("lsmod"), run("free", "-m"))
CASES=[x]
