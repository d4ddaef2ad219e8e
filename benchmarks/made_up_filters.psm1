# Objects with the properties of NtObjectManager's, made up: COUNT filters, CONDITIONS conditions.

Add-Type -TypeDefinition @'
using System;
using System.Collections.Generic;
namespace Bench {
  [Flags] public enum FilterFlags { None = 0, Persistent = 1, Indexed = 64 }
  public enum ActionType : uint { Block = 0x1001, Permit = 0x1002 }
  public enum MatchType { Equal = 0, Range = 5 }
  public enum DataType {
    Empty = 0, UInt8 = 1, UInt16 = 2, UInt32 = 3, UInt64 = 4, Blob = 12, Sd = 14, Range = 258
  }
  public class Text { string said; public Text(string s) { said = s; } public string ToSddl() { return said; } }
  public class Inner { public DataType Type { get; set; } public object Value { get; set; }
    public Inner(DataType t, object v) { Type = t; Value = v; } }
  public class Ends { public Inner Low { get; set; } public Inner High { get; set; } }
  public class Condition { public Guid FieldKey { get; set; } public MatchType MatchType { get; set; } public Inner Value { get; set; } }
  public class Layer { public Guid Key { get; set; } }
  public class Template { public string LayerKey { get; set; } public string Flags { get; set; } }
  public class Filter {
    public Guid Key { get; set; } public string Name { get; set; } public string Description { get; set; }
    public ulong FilterId { get; set; } public ActionType ActionType { get; set; } public Guid LayerKey { get; set; }
    public Guid SubLayerKey { get; set; } public FilterFlags Flags { get; set; } public Guid ProviderKey { get; set; }
    public byte[] ProviderData { get; set; } public Guid FilterType { get; set; } public Guid CalloutKey { get; set; }
    public Inner Weight { get; set; } public Inner EffectiveWeight { get; set; } public IList<Condition> Conditions { get; set; }
  }
  public class Engine : IDisposable {
    public List<Layer> Layers = new List<Layer>();
    public Dictionary<string, List<Filter>> ByLayer = new Dictionary<string, List<Filter>>();
    public List<Filter> All = new List<Filter>();
    public void Dispose() { }
    static Guid G(int n) { return new Guid(n, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8); }
    public Engine(int count, int conditions) {
      for (int n = 0; n < 99; n++) { var layer = new Layer { Key = G(1000 + n) }; Layers.Add(layer); ByLayer[layer.Key.ToString()] = new List<Filter>(); }
      for (int n = 0; n < count; n++) {
        var found = new List<Condition>();
        int wanted = conditions / count + (n < conditions % count ? 1 : 0);
        for (int c = 0; c < wanted; c++) {
          Inner value;
          var match = MatchType.Equal;
          if (c == 0) value = new Inner(DataType.UInt8, (byte) 6);
          else if (c == 1) value = new Inner(DataType.Blob, System.Text.Encoding.Unicode.GetBytes("\\device\\harddiskvolume3\\windows\\system32\\program" + n + ".exe\0"));
          else if (c == 2) value = new Inner(DataType.Sd, new Text("O:SYG:SYD:(A;;CCRC;;;S-1-5-80-" + (1000000 + n % 40) + "-503559027-1389316256-1766970764)"));
          else if (c == 3) { match = MatchType.Range; value = new Inner(DataType.Range, new Ends { Low = new Inner(DataType.UInt16, (ushort) 1024), High = new Inner(DataType.UInt16, (ushort) 65535) }); }
          else value = new Inner(DataType.UInt32, (uint) n);
          found.Add(new Condition { FieldKey = G(2000 + c), MatchType = match, Value = value });
        }
        var filter = new Filter { Key = Guid.NewGuid(), Name = "Made-up filter number " + n, Description = "A rule of a product that is made up",
          FilterId = (ulong) (60000 + n), ActionType = ActionType.Permit, LayerKey = Layers[n % 99].Key, SubLayerKey = G(3), Flags = FilterFlags.Indexed,
          ProviderKey = G(4), ProviderData = BitConverter.GetBytes((long) n), Weight = new Inner(DataType.UInt8, (byte) 8),
          EffectiveWeight = new Inner(DataType.UInt64, (ulong) n << 40), Conditions = found };
        All.Add(filter);
        ByLayer[filter.LayerKey.ToString()].Add(filter);
      }
    }
  }
}
'@

function Get-FwEngine {
    New-Object Bench.Engine(COUNT, CONDITIONS)
}

function Get-FwLayer {
    [CmdletBinding()]
    param($Engine)
    $Engine.Layers
}

function New-FwFilterTemplate {
    [CmdletBinding()]
    param($LayerKey, $Flags)
    New-Object Bench.Template -Property @{ LayerKey = "$LayerKey"; Flags = "$Flags" }
}

function Get-FwFilter {
    [CmdletBinding()]
    param($Engine, $Template)
    if ($Template) {
        $Engine.ByLayer[$Template.LayerKey]
    }
    else {
        $Engine.All
    }
}
