class Tailsteward < Formula
  desc "@SHORT@"
  homepage "@REPOSITORY@"
  version "@VERSION@"
  license any_of: [@LICENSE@]

@DOWNLOADS@

  def install
    bin.install "tailsteward"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/tailsteward.bash" => "tailsteward"
    zsh_completion.install "completions/_tailsteward"
    fish_completion.install "completions/tailsteward.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/tailsteward --version")
    system bin/"tailsteward", "doctor", "--sandbox"
  end
end
