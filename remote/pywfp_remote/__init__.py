"""The remote side: PowerShell remoting from the controller, and hosts to practise on."""
