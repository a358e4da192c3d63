# nomad job run deploy/luacsi.nomad.hcl
#
# A CSI plugin on each Nomad client, with the script of deploy/kubernetes. Nomad looks for csi.sock in
# mount_dir and asks Probe until the driver is ready.
job "luacsi" {
  type = "system"

  group "driver" {
    task "luacsi" {
      driver = "docker"
      user   = "0:0" # the folder behind mount_dir is root's

      config {
        image           = "luacsi:0.1.0"
        args            = ["serve", "/local/driver.lua", "--nodeid=${node.unique.id}", "-v=2"]
        readonly_rootfs = true
        cap_drop        = ["all"]
      }

      env {
        CSI_ENDPOINT = "unix:///csi/csi.sock"
      }

      csi_plugin {
        id             = "luacsi-double"
        type           = "monolith"
        mount_dir      = "/csi"
        health_timeout = "1m"
      }

      # A changed script is taken up without a restart. Lua has {{ of its own, so Nomad's marks are others.
      template {
        destination     = "local/driver.lua"
        change_mode     = "noop"
        left_delimiter  = "<<<"
        right_delimiter = ">>>"
        data            = file("kubernetes/base/driver.lua")
      }

      resources {
        cpu    = 50
        memory = 128
      }
    }
  }
}
